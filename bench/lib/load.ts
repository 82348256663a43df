import { readFileSync } from 'node:fs'
import { type Socket, connect } from 'node:net'

/** One request of a load. Seven `@` in path or text become a number that no other request of the load has. */
export interface LoadRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: string
  /** A body that is no text, in base64. */
  readonly bytes?: string
  /** Default: JSON, where there is a body. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface LoadOptions {
  readonly port: number
  readonly connections: number
  readonly seconds: number
  /** Not counted: before caches and compilers have warmed. */
  readonly warmUpSeconds: number
  /** A file with a JSON list of LoadRequest, sent in turn. */
  readonly requests: string
  /** The first of the numbers that stand for `@@@@@@@`, so that a second load repeats none of the first. */
  readonly firstNumber: number
  /** Stops after so many requests, counted or not; 0: at the end of the time. */
  readonly atMost: number
}

/** What one run of the load generator measured. */
export interface LoadResult {
  /** Answered with 200 after the warm-up; all that were answered at all; those answered with something else, the warm-up's too. */
  readonly requests: number
  readonly all: number
  readonly failed: number
  readonly seconds: number
  /** Milliseconds. */
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly nextNumber: number
  /** The first answer that was not 200. */
  readonly failure?: string
}

const MARK = '@@@@@@@'

interface Template {
  readonly bytes: Buffer
  readonly marks: readonly number[]
}

/**
 * Closed-loop load: each connection sends the next request when the answer to the last one is whole. On plain sockets, with requests made
 * beforehand, so that the client costs little of the machine it shares with the server. A connection that breaks is a failed request, and is made anew.
 */
export async function generateLoad(options: LoadOptions): Promise<LoadResult> {
  const given = JSON.parse(readFileSync(options.requests, 'utf8')) as readonly LoadRequest[]
  const templates = given.map((request) => template(request, options.port))
  const latencies: number[] = []
  let all = 0
  let failed = 0
  let sent = 0
  let number = options.firstNumber
  let failure: string | undefined
  const from = performance.now() + options.warmUpSeconds * 1000
  const to = from + options.seconds * 1000
  const next = (): Buffer | undefined => {
    if (performance.now() >= to || (options.atMost > 0 && sent >= options.atMost)) return undefined
    const { bytes, marks } = templates[sent++ % templates.length] as Template
    if (marks.length === 0) return bytes
    const copy = Buffer.from(bytes)
    const digits = String(number++)
    for (const at of marks) copy.write(digits, at, 'latin1')
    return copy
  }
  const answered = (since: number, status: number, body: () => string): void => {
    all++
    const now = performance.now()
    if (status !== 200) {
      failed++
      failure ??= `${status} ${body().slice(0, 300)}`
    } else if (now >= from) latencies.push(now - since)
  }
  await Promise.all(Array.from({ length: options.connections }, () => drive(options.port, next, answered)))
  latencies.sort((a, b) => a - b)
  const quantile = (q: number) => latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))] ?? Number.NaN
  const seconds = Math.min(options.seconds, Math.max(performance.now() - from, 0.001) / 1000)
  const counts = { requests: latencies.length, all, failed, seconds, nextNumber: number }
  return { ...counts, p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), ...(failure === undefined ? {} : { failure }) }
}

function template({ method, path, body, bytes: base64, headers }: LoadRequest, port: number): Template {
  const content = base64 === undefined ? Buffer.from(body ?? '') : Buffer.from(base64, 'base64')
  const described = headers ?? (body === undefined ? {} : { 'Content-Type': 'application/json' })
  const length = content.length > 0 ? { 'Content-Length': String(content.length) } : {}
  const lines = Object.entries({ Host: `127.0.0.1:${port}`, ...described, ...length }).map(([name, value]) => `${name}: ${value}\r\n`)
  const bytes = Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`), content])
  const marks: number[] = []
  for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + MARK.length)) marks.push(at)
  return { bytes, marks }
}

type Answered = (since: number, status: number, body: () => string) => void

function drive(port: number, next: () => Buffer | undefined, answered: Answered): Promise<void> {
  return new Promise((resolve) => {
    const begin = (): void => {
      const socket = connect(port, '127.0.0.1')
      let since = 0
      let open = false
      const send = (): void => {
        const request = next()
        open = request !== undefined
        since = performance.now()
        if (request === undefined) socket.end()
        else socket.write(request)
      }
      socket.setNoDelay(true)
      socket.on('connect', send)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        if (!open) return resolve()
        answered(since, 0, () => 'the connection broke')
        begin()
      })
      receive(socket, (status, body) => {
        open = false
        answered(since, status, body)
        send()
      })
    }
    begin()
  })
}

/** Calls `whole` for each answer that has arrived to its last byte. */
function receive(socket: Socket, whole: (status: number, body: () => string) => void): void {
  let parts: Buffer[] = []
  let length = 0
  let wanted = 0
  let status = 0
  socket.on('data', (chunk: Buffer) => {
    parts.push(chunk)
    length += chunk.length
    if (wanted === 0) {
      const bytes = parts.length === 1 ? chunk : Buffer.concat(parts)
      const head = bytes.indexOf('\r\n\r\n')
      if (head < 0) return
      const text = bytes.toString('latin1', 0, head)
      const found = /content-length: (\d+)/i.exec(text)
      if (found === null) return void socket.destroy(new Error('an answer without Content-Length'))
      status = Number(text.slice(9, 12))
      wanted = head + 4 + Number(found[1])
    }
    if (length < wanted) return
    const answer = parts
    parts = []
    length = 0
    wanted = 0
    whole(status, () => Buffer.concat(answer).toString())
  })
}

const [, script, options] = process.argv
if (script === import.meta.filename && options !== undefined) {
  const result = await generateLoad(JSON.parse(options) as LoadOptions)
  process.stdout.write(`${JSON.stringify(result)}\n`)
}
