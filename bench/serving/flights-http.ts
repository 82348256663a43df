// One row a request over HTTP at 32 connections: the flights model with its features given, our serving service (validation, journal, metrics on)
// against the same ONNX model under FastAPI + Uvicorn + onnxruntime; one process each, the same client on the same machine. Runs alternate.
// Promised: at least 8 times the requests per second, p99 lower. Needs MILLRACE_PEERS_VENV (see conformance/requirements.txt).
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type BenchResult, show } from '../lib/result.ts'
import type { LoadResult } from './load.ts'
import { prepareFlights } from './prepare.ts'
import { type BenchServer, startFastapi, startMillrace, uvicornLoop } from './servers.ts'

interface Measured extends LoadResult {
  readonly cpuMicroseconds: number
  readonly rss: number
}

const CONNECTIONS = 32
const PROMISED_RATIO = 8
const COMPARED = 100

export async function run(): Promise<BenchResult> {
  const venv = process.env['MILLRACE_PEERS_VENV']
  const seconds = Number(process.env['MILLRACE_BENCH_SECONDS'] ?? 10)
  const rounds = Number(process.env['MILLRACE_BENCH_ROUNDS'] ?? 3)
  if (venv === undefined) throw new Error('MILLRACE_PEERS_VENV must name a Python environment with conformance/requirements.txt installed')
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const servers: BenchServer[] = []
  try {
    const { model, bodies } = await prepareFlights(join(folder, 'flights'))
    const ours = await startMillrace(folder, model)
    servers.push(ours)
    const theirs = await startFastapi(venv, model)
    servers.push(theirs)
    await compareAnswers(ours, theirs, bodies)
    const measured: Record<'ours' | 'theirs', Measured[]> = { ours: [], theirs: [] }
    for (let round = 0; round < rounds; round++) {
      measured.ours.push(await measure(ours, bodies, seconds))
      measured.theirs.push(await measure(theirs, bodies, seconds))
    }
    return report(median(measured.ours), median(measured.theirs), uvicornLoop(venv))
  } finally {
    for (const server of servers) await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Both must compute the same thing before it is worth anything how fast they do. */
async function compareAnswers(ours: BenchServer, theirs: BenchServer, bodies: string): Promise<void> {
  for (const body of readFileSync(bodies, 'utf8').split('\n').slice(0, COMPARED)) {
    const [mine, peers] = await Promise.all([ours, theirs].map((server) => probability(server, body)))
    if (mine === undefined || peers === undefined || Math.abs(mine - peers) > 1e-6) throw new Error(`the servers disagree: ${mine} and ${peers} for ${body}`)
  }
}

async function probability(server: BenchServer, body: string): Promise<number | undefined> {
  const response = await fetch(`http://127.0.0.1:${server.port}/invocations`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const answer = (await response.json()) as { readonly predictions?: readonly { readonly probability: number }[] }
  return answer.predictions?.[0]?.probability
}

/** Runs the client in a process of its own, so that it shares no event loop with what starts the servers. */
async function measure(server: BenchServer, bodies: string, seconds: number): Promise<Measured> {
  const cpu = server.cpuSeconds()
  const options = { port: server.port, path: '/invocations', connections: CONNECTIONS, seconds, warmUpSeconds: 3, bodies }
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'load.ts'), JSON.stringify(options)])
  const result = JSON.parse(stdout) as LoadResult
  if (result.failed > 0) throw new Error(`${result.failed} requests failed at port ${server.port}`)
  return { ...result, cpuMicroseconds: ((server.cpuSeconds() - cpu) * 1e6) / result.all, rss: server.rssMegabytes() }
}

/** The run with the middle throughput. */
function median(runs: readonly Measured[]): Measured {
  const sorted = runs.toSorted((a, b) => a.requests / a.seconds - b.requests / b.seconds)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (!middle) throw new Error('nothing was measured')
  return middle
}

function report(ours: Measured, theirs: Measured, loop: string): BenchResult {
  const rate = ({ requests, seconds }: Measured) => requests / seconds
  const row = (server: string, one: Measured) => ({
    server,
    'requests/s': Math.round(rate(one)),
    'p50 ms': Number(one.p50.toFixed(2)),
    'p99 ms': Number(one.p99.toFixed(2)),
    'CPU µs/request': Math.round(one.cpuMicroseconds),
    'RSS MB': Math.round(one.rss),
  })
  const ratio = rate(ours) / rate(theirs)
  return {
    name: `flights over HTTP, one row a request, ${CONNECTIONS} connections`,
    rows: [row('Millrace (validation, journal, metrics)', ours), row(`FastAPI + Uvicorn (${loop}) + onnxruntime`, theirs)],
    promises: [
      { promise: `requests/s at least ${PROMISED_RATIO} times FastAPI's`, measured: `${ratio.toFixed(1)} times`, kept: ratio >= PROMISED_RATIO },
      { promise: "p99 lower than FastAPI's", measured: `${ours.p99.toFixed(2)} ms to ${theirs.p99.toFixed(2)} ms`, kept: ours.p99 < theirs.p99 },
    ],
  }
}

if (process.argv[1] === import.meta.filename && !show(await run())) process.exitCode = 1
