// Ten times what a model can do is offered to it for some seconds, in an open loop: requests are sent when they are due, whatever became of those before. The model
// (of the fixtures) costs milliseconds a row and takes four rows at a time, so that one machine can offer so much; the client shares the machine with the server.
// Promised: who is accepted waits no longer than `max_wait` and a few batches, and who is refused knows at once, by 503.
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type Socket, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FIXTURES } from '../../src/serving/testing.ts'
import { freePort, untilAnswers } from '../lib/processes.ts'
import { type BenchResult, show } from '../lib/result.ts'
import { LAUNCHER } from './prepare.ts'

const MAX_WAIT_MS = 20
const TIMES = 10
const BODY = '{"instances":[{"x":1}]}'
/** What an accepted request may take beyond one at the same model that is busy but not overloaded. */
const BATCHES_MORE = 3

/** Seconds in which connections are opened and the burst is taken in that `max_wait` allows; not counted. */
const WARM_UP = 2

interface Seen {
  /** When it was sent, in milliseconds. */
  readonly at: number
  readonly ms: number
  readonly status: number
}

export async function run(): Promise<BenchResult> {
  const seconds = Number(process.env['MILLRACE_BENCH_SECONDS'] ?? 5)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-overload-'))
  const port = await freePort()
  cpSync(join(FIXTURES, 'slow'), join(folder, 'models', 'slow', '1'), { recursive: true })
  writeFileSync(
    join(folder, 'millrace.yaml'),
    `project: bench
model_repository: models
deployments: [{model: slow, batch: {max_rows: 4}, limits: {max_wait: ${MAX_WAIT_MS}ms}}]
services: {serving: {port: ${port}}}
`,
  )
  const child = spawn(process.execPath, [LAUNCHER, 'serve', 'serving'], { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  try {
    await untilAnswers(`http://127.0.0.1:${port}/v2/health/ready`, child)
    await closedLoop(port, 1, 1)
    const alone = await closedLoop(port, 1, seconds)
    // As many as two batches hold: one is computed while the next comes together.
    const busy = await closedLoop(port, 8, seconds)
    const capacity = busy.length / seconds
    const over = (await openLoop(port, TIMES * capacity, WARM_UP + seconds)).filter(({ at }) => at >= WARM_UP * 1000)
    return report({ alone, busy, over, capacity, seconds })
  } finally {
    child.kill('SIGTERM')
    await new Promise((resolve) => child.once('exit', resolve))
    rmSync(folder, { recursive: true, force: true })
  }
}

function report({ alone, busy, over, capacity, seconds }: { alone: readonly Seen[]; busy: readonly Seen[]; over: readonly Seen[]; capacity: number; seconds: number }): BenchResult {
  const accepted = over.filter(({ status }) => status === 200)
  const refused = over.filter(({ status }) => status === 503)
  const line = (load: string, seen: readonly Seen[]) => ({ load, 'requests/s': Math.round(seen.length / seconds), 'p50 ms': round(quantile(seen, 0.5)), 'p99 ms': round(quantile(seen, 0.99)) })
  const batchMs = 4000 / capacity
  const bound = quantile(busy, 0.99) + MAX_WAIT_MS + BATCHES_MORE * batchMs
  const useful = accepted.length / seconds / capacity
  return {
    name: `ten times the capacity (${Math.round(capacity)} requests/s) offered for ${seconds} s, max_wait ${MAX_WAIT_MS} ms`,
    rows: [line('one after the other', alone), line('8 connections', busy), line('10×: accepted', accepted), line('10×: refused with 503', refused)],
    promises: [
      { promise: `p99 of the accepted at most that of 8 connections, max_wait and ${BATCHES_MORE} batches`, measured: `${round(quantile(accepted, 0.99))} ms to ${round(bound)} ms`, kept: quantile(accepted, 0.99) <= bound },
      { promise: 'every request is answered, with 200 or 503', measured: `${over.length - accepted.length - refused.length} of ${over.length} were not`, kept: accepted.length + refused.length === over.length },
      { promise: 'at least half of the capacity is still used', measured: `${Math.round(100 * useful)} %`, kept: useful >= 0.5 },
    ],
  }
}

/** Each connection sends when it has its answer. */
async function closedLoop(port: number, connections: number, seconds: number): Promise<readonly Seen[]> {
  const seen: Seen[] = []
  const end = performance.now() + seconds * 1000
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const line = new Line(port)
      while (performance.now() < end) seen.push(await line.ask(0))
      line.end()
    }),
  )
  return seen
}

/** Sends at a rate, on as many connections as are needed for that. */
async function openLoop(port: number, perSecond: number, seconds: number): Promise<readonly Seen[]> {
  const idle: Line[] = []
  const all: Promise<Seen>[] = []
  const begin = performance.now()
  for (;;) {
    const elapsed = performance.now() - begin
    if (elapsed >= seconds * 1000) break
    for (const due = (elapsed / 1000) * perSecond; all.length < due; ) {
      const line = idle.pop() ?? new Line(port)
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

/** A connection on which one request at a time is sent; status 0 when it broke. */
class Line {
  readonly #socket: Socket
  #answered: (status: number) => void = () => undefined

  constructor(port: number) {
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
    this.#socket.write(`POST /v1/models/slow:predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`)
    return new Promise((resolve) => {
      this.#answered = (status) => resolve({ at, ms: performance.now() - sent, status })
    })
  }

  end(): void {
    this.#socket.end()
  }
}

function quantile(seen: readonly Seen[], q: number): number {
  const sorted = seen.map(({ ms }) => ms).toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10
}

if (process.argv[1] === import.meta.filename && !show(await run())) process.exitCode = 1
