import { readFileSync } from 'node:fs'
import { type Socket, connect } from 'node:net'

/** What one run of the load generator measured. */
export interface LoadResult {
  /** Answered with 200 after the warm-up, and all that were answered at all. */
  readonly requests: number
  readonly all: number
  readonly failed: number
  readonly seconds: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

export interface LoadOptions {
  readonly port: number
  readonly path: string
  readonly connections: number
  readonly seconds: number
  /** Not counted: before caches and compilers have warmed. */
  readonly warmUpSeconds: number
  /** A file with a JSON body in each line, sent in turn. */
  readonly bodies: string
}

/**
 * Closed-loop load: each connection sends the next request when the answer to the last one is whole. On plain sockets, with requests made
 * beforehand, so that the client costs little of the machine it shares with the server.
 */
export async function generateLoad(options: LoadOptions): Promise<LoadResult> {
  const requests = readFileSync(options.bodies, 'utf8').trimEnd().split('\n').map((body) => encode(options, body))
  const latencies: number[] = []
  let failed = 0
  let all = 0
  let next = 0
  const from = performance.now() + options.warmUpSeconds * 1000
  const to = from + options.seconds * 1000
  await Promise.all(
    Array.from({ length: options.connections }, () =>
      drive(connect(options.port, '127.0.0.1'), () => requests[next++ % requests.length]!, to, (sent, status) => {
        all++
        const now = performance.now()
        if (now < from) return
        if (status === 200) latencies.push(now - sent)
        else failed++
      }),
    ),
  )
  latencies.sort((a, b) => a - b)
  const quantile = (q: number) => latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))] ?? Number.NaN
  return { requests: latencies.length, all, failed, seconds: options.seconds, p50: quantile(0.5), p99: quantile(0.99) }
}

function encode({ path, port }: LoadOptions, body: string): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`
  return Buffer.from(head + body)
}

function drive(socket: Socket, request: () => Buffer, until: number, answered: (sent: number, status: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let sent = 0
    let pending = ''
    const send = () => {
      sent = performance.now()
      socket.write(request())
    }
    socket.setNoDelay(true)
    socket.on('connect', send)
    socket.on('error', reject)
    socket.on('close', () => resolve())
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1')
      const head = pending.indexOf('\r\n\r\n')
      if (head < 0) return
      const length = /content-length: (\d+)/i.exec(pending)
      if (!length) return void socket.destroy(new Error('an answer without Content-Length'))
      if (pending.length < head + 4 + Number(length[1])) return
      answered(sent, Number(pending.slice(9, 12)))
      pending = ''
      if (performance.now() < until) send()
      else socket.end()
    })
  })
}

const [, script, options] = process.argv
if (script === import.meta.filename && options !== undefined) {
  const result = await generateLoad(JSON.parse(options) as LoadOptions)
  process.stdout.write(`${JSON.stringify(result)}\n`)
}
