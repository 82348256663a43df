import { type Socket, connect } from 'node:net'

/** One request of a load and what became of it. */
export interface Seen {
  /** When it was sent, milliseconds since the load began. */
  readonly at: number
  readonly ms: number
  /** 0 when the connection broke. */
  readonly status: number
}

export interface Target {
  readonly port: number
  readonly path: string
  /** JSON. */
  readonly body: string
}

/** Each connection sends when it has its answer, until `running` says no. */
export async function closedLoop(target: Target, connections: number, running: () => boolean): Promise<readonly Seen[]> {
  const seen: Seen[] = []
  const begin = performance.now()
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const line = new Line(target)
      while (running()) seen.push(await line.ask(performance.now() - begin))
      line.end()
    }),
  )
  return seen
}

/** Sends at a rate, on as many connections as are needed for that, until `running` says no: requests go out when they are due, whatever became of those before. */
export async function openLoop(target: Target, perSecond: number, running: () => boolean): Promise<readonly Seen[]> {
  const idle: Line[] = []
  const all: Promise<Seen>[] = []
  const begin = performance.now()
  while (running()) {
    const elapsed = performance.now() - begin
    for (const due = (elapsed / 1000) * perSecond; all.length < due; ) {
      const line = idle.pop() ?? new Line(target)
      all.push(
        line.ask(elapsed).then((seen) => {
          if (seen.status > 0) idle.push(line)
          return seen
        }),
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const seen = await Promise.all(all)
  for (const line of idle) line.end()
  return seen
}

export function forSeconds(seconds: number): () => boolean {
  const end = performance.now() + seconds * 1000
  return () => performance.now() < end
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

/** A connection on which one request at a time is sent. */
class Line {
  readonly #socket: Socket
  readonly #request: string
  #answered: (status: number) => void = () => undefined

  constructor({ port, path, body }: Target) {
    this.#request = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
    this.#socket = connect(port, '127.0.0.1').setNoDelay(true)
    this.#socket.on('error', () => this.#answered(0)).on('close', () => this.#answered(0))
    let pending = ''
    this.#socket.on('data', (chunk) => {
      pending += chunk.toString('latin1')
      const head = pending.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(pending)?.[1])
      if (head < 0 || pending.length < head + 4 + length) return
      const status = Number(pending.slice(9, 12))
      pending = ''
      this.#answered(status)
    })
  }

  ask(at: number): Promise<Seen> {
    const sent = performance.now()
    this.#socket.write(this.#request)
    return new Promise((resolve) => {
      this.#answered = (status) => resolve({ at, ms: performance.now() - sent, status })
    })
  }

  end(): void {
    this.#socket.end()
  }
}
