// Ten times what a model can do is offered to it for some seconds, in an open loop: requests are sent when they are due, whatever became of those before. The model
// (of the fixtures) costs milliseconds a row and takes four rows at a time, so that one machine can offer so much; the client shares the machine with the server.
// Promised: who is accepted waits no longer than `max_wait` and a few batches, and who is refused knows at once, by 503.
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FIXTURES } from '../../src/serving/testing.ts'
import { type Seen, closedLoop, forSeconds, openLoop, quantile } from '../lib/lines.ts'
import { freePort } from '../../src/platform/http/testing.ts'
import { untilAnswers } from '../lib/processes.ts'
import { type BenchResult, show } from '../lib/result.ts'
import { LAUNCHER } from './prepare.ts'

const MAX_WAIT_MS = 20
const TIMES = 10
const BODY = '{"instances":[{"x":1}]}'
/** What an accepted request may take beyond one at the same model that is busy but not overloaded. */
const BATCHES_MORE = 3

/** Seconds in which connections are opened and the burst is taken in that `max_wait` allows; not counted. */
const WARM_UP = 2

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
    const target = { port, path: '/v1/models/slow:predict', body: BODY }
    await closedLoop(target, 1, forSeconds(1))
    const alone = await closedLoop(target, 1, forSeconds(seconds))
    // As many as two batches hold: one is computed while the next comes together.
    const busy = await closedLoop(target, 8, forSeconds(seconds))
    const capacity = busy.length / seconds
    const over = (await openLoop(target, TIMES * capacity, forSeconds(WARM_UP + seconds))).filter(({ at }) => at >= WARM_UP * 1000)
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
  const line = (load: string, seen: readonly Seen[]) => ({ load, 'requests/s': Math.round(seen.length / seconds), 'p50 ms': round(latency(seen, 0.5)), 'p99 ms': round(latency(seen, 0.99)) })
  const batchMs = 4000 / capacity
  const bound = latency(busy, 0.99) + MAX_WAIT_MS + BATCHES_MORE * batchMs
  const useful = accepted.length / seconds / capacity
  return {
    name: `ten times the capacity (${Math.round(capacity)} requests/s) offered for ${seconds} s, max_wait ${MAX_WAIT_MS} ms`,
    rows: [line('one after the other', alone), line('8 connections', busy), line('10×: accepted', accepted), line('10×: refused with 503', refused)],
    promises: [
      { promise: `p99 of the accepted at most that of 8 connections, max_wait and ${BATCHES_MORE} batches`, measured: `${round(latency(accepted, 0.99))} ms to ${round(bound)} ms`, kept: latency(accepted, 0.99) <= bound },
      { promise: 'every request is answered, with 200 or 503', measured: `${over.length - accepted.length - refused.length} of ${over.length} were not`, kept: accepted.length + refused.length === over.length },
      { promise: 'at least half of the capacity is still used', measured: `${Math.round(100 * useful)} %`, kept: useful >= 0.5 },
    ],
  }
}

function latency(seen: readonly Seen[], q: number): number {
  return quantile(seen.map(({ ms }) => ms), q)
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10
}

if (process.argv[1] === import.meta.filename && !show(await run())) process.exitCode = 1
