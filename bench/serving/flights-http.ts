// One row a request over HTTP at 32 connections: the flights model with its features given, our serving service (validation, journal, metrics on)
// against the same ONNX model under FastAPI + Uvicorn + onnxruntime; one process each, the same client on the same machine. Runs alternate.
// Promised: at least 8 times the requests per second, p99 lower. Needs MILLRACE_PEERS_VENV (see conformance/requirements.txt).
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LoadRequest } from '../lib/load.ts'
import { type BenchResult, show } from '../lib/result.ts'
import { type Measured, measure, median, row } from './measure.ts'
import { prepareFlights } from './prepare.ts'
import { type BenchServer, startFastapi, startMillrace, uvicornLoop } from './servers.ts'

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
    const { model, requests } = await prepareFlights(join(folder, 'flights'))
    const ours = await startMillrace(folder, model)
    servers.push(ours)
    const theirs = await startFastapi(venv, 'fastapi_app', model)
    servers.push(theirs)
    await compareAnswers(ours, theirs, requests)
    const load = { requests, connections: CONNECTIONS, seconds }
    const measured: Record<'ours' | 'theirs', Measured[]> = { ours: [], theirs: [] }
    for (let round = 0; round < rounds; round++) {
      measured.ours.push(await measure(ours, load))
      measured.theirs.push(await measure(theirs, load))
    }
    return report(median(measured.ours), median(measured.theirs), uvicornLoop(venv))
  } finally {
    for (const server of servers) await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Both must compute the same thing before it is worth anything how fast they do. */
async function compareAnswers(ours: BenchServer, theirs: BenchServer, requests: string): Promise<void> {
  const all = JSON.parse(readFileSync(requests, 'utf8')) as readonly LoadRequest[]
  for (const { body = '' } of all.slice(0, COMPARED)) {
    const [mine, peers] = await Promise.all([ours, theirs].map((server) => probability(server, body)))
    if (mine === undefined || peers === undefined || Math.abs(mine - peers) > 1e-6) throw new Error(`the servers disagree: ${mine} and ${peers} for ${body}`)
  }
}

async function probability(server: BenchServer, body: string): Promise<number | undefined> {
  const response = await fetch(`http://127.0.0.1:${server.port}/invocations`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const answer = (await response.json()) as { readonly predictions?: readonly { readonly probability: number }[] }
  return answer.predictions?.[0]?.probability
}

function report(ours: Measured, theirs: Measured, loop: string): BenchResult {
  const ratio = ours.perSecond / theirs.perSecond
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
