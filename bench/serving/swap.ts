// Hot swaps and a cold load under load. 200 times a version of a model is put beside the one that answers, loaded, warmed with recorded requests, checked and swapped in,
// while requests come at a steady rate; then a model of 100 MB is loaded and unloaded again and again, while another answers. Our server alone: no peer swaps without a
// restart. The client shares the machine.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FIXTURES } from '../../src/serving/testing.ts'
import { type Seen, type Target, forSeconds, openLoop, quantile } from '../lib/lines.ts'
import { freePort } from '../../src/platform/http/testing.ts'
import { pssMegabytes, untilAnswers } from '../lib/processes.ts'
import { type BenchResult, show } from '../lib/result.ts'
import { LAUNCHER } from './prepare.ts'

const PER_SECOND = 500
const SWAPS = 200
/** Swaps before memory is first looked at: allocators and compilers have what they need by then. */
const SETTLED = 40
const PAUSE_LIMIT_MS = 5
const MEMORY_GROWTH = 1.1
const ROW = { distance: 1000, hhmm: 1435, carrier: 'AA', origin: 'JFK', hour: '2013-04-01T15:00:00Z', weather__wind: 10.5 }

export async function run(): Promise<BenchResult> {
  const seconds = Number(process.env['MILLRACE_BENCH_SECONDS'] ?? 10)
  const swaps = Number(process.env['MILLRACE_BENCH_SWAPS'] ?? SWAPS)
  const venv = process.env['MILLRACE_PEERS_VENV']
  if (venv === undefined) throw new Error('MILLRACE_PEERS_VENV must name a Python environment; npm run bench makes it')
  const folder = mkdtempSync(join(tmpdir(), 'millrace-swap-'))
  const models = join(folder, 'models')
  cpSync(join(FIXTURES, 'one'), join(models, 'delay', '1'), { recursive: true })
  cpSync(join(FIXTURES, 'two'), join(folder, 'delay-2'), { recursive: true })
  mkdirSync(join(models, 'large', '1'), { recursive: true })
  const { status, stderr } = spawnSync(join(venv, 'bin', 'python'), [join(import.meta.dirname, 'make_large.py'), join(models, 'large', '1', 'model.onnx')], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the large model could not be made: ${stderr}`)
  const port = await freePort()
  const child = spawn(process.execPath, [LAUNCHER, 'serve', 'serving', '--models', models, '--data', join(folder, 'state'), '--port', String(port)], { stdio: ['ignore', 'ignore', 'inherit'] })
  try {
    await untilAnswers(`http://127.0.0.1:${port}/v2/health/ready`, child)
    const target = { port, path: '/v1/models/delay:predict', body: JSON.stringify({ instances: [ROW] }) }
    await openLoop(target, PER_SECOND, forSeconds(3))
    const quiet = await openLoop(target, PER_SECOND, forSeconds(seconds))
    const swapping = await whileSwapping({ target, child, folder, models, swaps })
    const loading = await whileLoading(target)
    const busy = await whileBusy(target, quantile(loading.loadMs, 0.5))
    return report({ quiet, swapping, loading, busy })
  } finally {
    child.kill('SIGTERM')
    await new Promise((resolve) => child.once('exit', resolve))
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Span {
  readonly from: number
  readonly to: number
}

interface Swapping {
  readonly seen: readonly Seen[]
  /** Milliseconds since the load began. */
  readonly spans: readonly Span[]
  /** MB of the server, before and after. */
  readonly memory: readonly [number, number]
}

async function whileSwapping({ target, child, folder, models, swaps }: { target: Target; child: ChildProcess; folder: string; models: string; swaps: number }): Promise<Swapping> {
  let running = true
  const load = openLoop(target, PER_SECOND, () => running)
  const begin = performance.now()
  const spans: Span[] = []
  const [aside, place] = [join(folder, 'delay-2'), join(models, 'delay', '2')]
  let before = Number.NaN
  for (let i = 0; i < SETTLED + swaps; i++) {
    if (i === SETTLED) before = megabytes(child)
    if (i % 2 === 0) renameSync(aside, place)
    else renameSync(place, aside)
    const from = performance.now() - begin
    await control(target.port, 'delay', 'load')
    spans.push({ from, to: performance.now() - begin })
    // The version that was swapped out is released a moment later.
    await new Promise((resolve) => setTimeout(resolve, 60))
  }
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const after = megabytes(child)
  running = false
  return { seen: await load, spans: spans.slice(SETTLED), memory: [before, after] }
}

interface Loading {
  readonly seen: readonly Seen[]
  readonly loadMs: readonly number[]
}

async function whileLoading(target: Target): Promise<Loading> {
  let running = true
  await control(target.port, 'large', 'unload')
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const load = openLoop(target, PER_SECOND, () => running)
  const begin = performance.now()
  const spans: Span[] = []
  for (let i = 0; i < 10; i++) {
    const from = performance.now() - begin
    await control(target.port, 'large', 'load')
    spans.push({ from, to: performance.now() - begin })
    await control(target.port, 'large', 'unload')
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  running = false
  return { seen: within(await load, spans), loadMs: spans.map(({ from, to }) => to - from) }
}

/** The control: a process that has nothing to do with the server computes for as long as a load takes. */
async function whileBusy(target: Target, loadMs: number): Promise<readonly Seen[]> {
  const other = spawn(process.execPath, [join(import.meta.dirname, '..', 'lib', 'busy.ts')], { stdio: ['pipe', 'pipe', 'inherit'] })
  try {
    let running = true
    const load = openLoop(target, PER_SECOND, () => running)
    const begin = performance.now()
    const spans: Span[] = []
    for (let i = 0; i < 10; i++) {
      const from = performance.now() - begin
      const done = once(other.stdout, 'data')
      other.stdin.write(`${loadMs}\n`)
      await done
      spans.push({ from, to: performance.now() - begin })
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
    running = false
    // The first holds its start.
    return within(await load, spans.slice(1))
  } finally {
    other.kill()
  }
}

async function control(port: number, model: string, verb: 'load' | 'unload'): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/v2/repository/models/${model}/${verb}`, { method: 'POST' })
  if (!response.ok) throw new Error(`${verb} of ${model}: ${response.status} ${await response.text()}`)
}

function report({ quiet, swapping, loading, busy }: { quiet: readonly Seen[]; swapping: Swapping; loading: Loading; busy: readonly Seen[] }): BenchResult {
  const { seen, spans, memory } = swapping
  const during = within(seen, spans)
  const pauses = spans.map((span) => longestGap(seen, span))
  // What the same clients see in spans of the same length in which nothing is swapped: the steps of the load's own timer, and the machine's.
  const usual = spans.map(({ from, to }, i) => longestGap(quiet, { from: 50 + i * 40, to: 50 + i * 40 + (to - from) }))
  const failed = [...quiet, ...seen, ...loading.seen].filter(({ status }) => status !== 200).length
  const line = (when: string, some: readonly Seen[]) => ({ when, requests: some.length, 'p50 ms': ms(quantile(times(some), 0.5)), 'p99 ms': ms(quantile(times(some), 0.99)), 'longest ms': ms(quantile(times(some), 1)) })
  const p99 = (some: readonly Seen[]): number => quantile(times(some), 0.99)
  const most = (some: readonly Seen[], title: string) => ({ promise: `${title}: p99 at most twice that without`, measured: `${ms(p99(some))} ms to ${ms(p99(quiet))} ms`, kept: p99(some) <= 2 * p99(quiet) })
  const swapMs = spans.map(({ from, to }) => to - from)
  return {
    name: `${spans.length} hot swaps, and cold loads of a model of 100 MB, at ${PER_SECOND} requests/s`,
    rows: [
      line('nothing else happens', quiet),
      line('while a version is loaded, warmed and swapped in', during),
      line('while the model of 100 MB is loaded', loading.seen),
      line('while another process computes as long', busy),
      { when: 'a swap, from its beginning to its end', 'p50 ms': ms(quantile(swapMs, 0.5)), 'longest ms': ms(quantile(swapMs, 1)) },
      { when: 'longest time without an answer in it', 'p50 ms': ms(quantile(pauses, 0.5)), 'p99 ms': ms(quantile(pauses, 0.99)), 'longest ms': ms(quantile(pauses, 1)) },
      { when: 'the same without a swap', 'p50 ms': ms(quantile(usual, 0.5)), 'p99 ms': ms(quantile(usual, 0.99)), 'longest ms': ms(quantile(usual, 1)) },
      { when: 'loading the model of 100 MB', 'p50 ms': ms(quantile(loading.loadMs, 0.5)), 'longest ms': ms(quantile(loading.loadMs, 1)) },
    ],
    promises: [
      { promise: 'no request fails', measured: String(failed), kept: failed === 0 },
      { promise: `a swap's pause (longest time without an answer, median of all swaps) under ${PAUSE_LIMIT_MS} ms`, measured: `${ms(quantile(pauses, 0.5))} ms`, kept: quantile(pauses, 0.5) < PAUSE_LIMIT_MS },
      most(during, 'while a version is swapped in'),
      most(loading.seen, 'while 100 MB are loaded'),
      { promise: `memory after ${spans.length} swaps at most ${MEMORY_GROWTH} times that before`, measured: `${memory.map(Math.round).join(' to ')} MB`, kept: memory[1] <= MEMORY_GROWTH * memory[0] },
    ],
  }
}

function megabytes({ pid = 0 }: ChildProcess): number {
  return pssMegabytes(pid).megabytes
}

/** Those whose answer came in one of the spans, or that were sent in it. */
function within(seen: readonly Seen[], spans: readonly Span[]): readonly Seen[] {
  return seen.filter(({ at, ms: took }) => spans.some(({ from, to }) => at <= to && at + took >= from))
}

/** The longest time in the span without an answer, though requests came. */
function longestGap(seen: readonly Seen[], { from, to }: Span): number {
  const answers = seen.map(({ at, ms: took }) => at + took).filter((at) => at > from && at < to).toSorted((a, b) => a - b)
  return [...answers, to].reduce(([longest, last], at): [number, number] => [Math.max(longest, at - last), at], [0, from] as [number, number])[0]
}

function times(seen: readonly Seen[]): readonly number[] {
  return seen.map(({ ms: took }) => took)
}

function ms(value: number): number {
  return Math.round(value * 100) / 100
}

if (process.argv[1] === import.meta.filename && !show(await run())) process.exitCode = 1
