// The tracking service against `mlflow server` with its own default settings, on one machine, with one client, SQLite under both (or PostgreSQL, where
// MILLRACE_BENCH_POSTGRES names the address of a server on which databases may be made: postgresql://user@host:port). Needs MILLRACE_PEERS_VENV.
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../../src/platform/http/testing.ts'
import { cpuSeconds, untilAnswers } from '../lib/processes.ts'
import { type BenchResult, show } from '../lib/result.ts'
import { type Measured, type RunIds, SEARCH, WORKS, type Work, call, measure, prepare } from './client.ts'
import { type TrackingServer, startMillrace, startMlflow } from './servers.ts'

const FEW_RUNS = 1000
const MANY_RUNS = Number(process.env['BENCH_TRACKING_RUNS'] ?? 100_000)
const SECONDS = Number(process.env['MILLRACE_BENCH_SECONDS'] ?? 3)
const PROMISED = { start: 20, memory: 10, scale: 3 } as const
const START_ROUNDS = 3
const FLOORS = join(import.meta.dirname, 'floors.ts')
const SQL_ALONE = 'SQL alone, CPU µs'
const NODE_ALONE = 'node:http alone /s'

type Row = Record<string, string | number>
interface Judged {
  readonly promise: string
  readonly measured: string
  readonly kept: boolean
}

export async function run(): Promise<BenchResult> {
  const venv = process.env['MILLRACE_PEERS_VENV']
  if (venv === undefined) throw new Error('MILLRACE_PEERS_VENV must name a Python environment with conformance/requirements.txt installed')
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const databases = await databasesFor(folder)
  const rows: Row[] = []
  const promises: Judged[] = []
  let ours: TrackingServer | undefined
  let theirs: TrackingServer | undefined
  try {
    promises.push(await compareStarts(venv, folder))
    ours = await startMillrace(join(folder, 'ours'), databases.ours)
    theirs = await startMlflow(venv, join(folder, 'theirs'), databases.theirs)
    const ids = { ours: await prepare(ours.port, FEW_RUNS), theirs: await prepare(theirs.port, FEW_RUNS) }
    await compareAnswers(ours.port, theirs.port, ids)
    const both = { ours, theirs, ids, folder, rows, promises }
    for (const work of WORKS) if (work.writes !== true) await compare(work, both)
    const few = await everyPage(ours.port, ids.ours.experimentId, 20)
    const bare = await nodeAlone(folder, ours, ids.ours)
    for (const work of WORKS) if (work.writes === true) await compare(work, both)
    const memory = { ours: ours.memory(), theirs: theirs.memory() }
    promises.push(
      atLeast(PROMISED.memory, 'memory of all processes after the load, less', memory.theirs.megabytes / memory.ours.megabytes, `${memory.ours.megabytes.toFixed(0)} MB in ${memory.ours.processes} to ${memory.theirs.megabytes.toFixed(0)} MB in ${memory.theirs.processes}`),
    )
    await theirs.stop()
    theirs = undefined
    await ours.stop()
    const url = databases.ours ?? `sqlite:${join(folder, 'ours', '.millrace', 'tracking', 'tracking.db')}`
    addFloors(rows, NODE_ALONE, bare)
    addFloors(rows, SQL_ALONE, await sqlAlone(url, ids.ours))
    await child(join(import.meta.dirname, 'seed.ts'), url, ids.ours.experimentId, String(FEW_RUNS), String(MANY_RUNS))
    ours = await startMillrace(join(folder, 'ours'), databases.ours)
    const many = await everyPage(ours.port, ids.ours.experimentId, 1)
    for (const [runs, { pages, p50, p95 }] of [[FEW_RUNS, few], [MANY_RUNS, many]] as const) {
      rows.push({ work: `search, every page, ${runs} runs × 20 metrics × 20 params`, connections: 1, pages, 'Millrace p50 ms': Number(p50.toFixed(2)), 'Millrace p95 ms': Number(p95.toFixed(2)) })
    }
    const ratio = many.p95 / few.p95
    promises.push({ promise: `p95 of every page at ${MANY_RUNS} runs: under ${PROMISED.scale} times that at ${FEW_RUNS}`, measured: `${ratio.toFixed(1)} times`, kept: ratio < PROMISED.scale })
    return { name: `tracking against mlflow server, ${databases.ours === undefined ? 'SQLite' : 'PostgreSQL'}`, rows, promises }
  } finally {
    await theirs?.stop()
    await ours?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function atLeast(times: number, what: string, ratio: number, figures?: string): Judged {
  return { promise: `${what}: at least ${times} times`, measured: `${ratio.toFixed(1)} times${figures === undefined ? '' : `, ${figures}`}`, kept: ratio >= times }
}

/** Each on an empty folder. The first start of each is not counted: its files come from the disk, or do not, as the machine's past has it. */
async function compareStarts(venv: string, folder: string): Promise<Judged> {
  const took = { ours: [] as number[], theirs: [] as number[] }
  for (let round = -1; round < START_ROUNDS; round++) {
    for (const [name, start] of [['ours', (place: string) => startMillrace(place, undefined)], ['theirs', (place: string) => startMlflow(venv, place, undefined)]] as const) {
      const server = await start(join(folder, `${name}-start-${round}`))
      if (round >= 0) took[name].push(server.startedMs)
      await server.stop()
    }
  }
  const [mine, peers] = [median(took.ours), median(took.theirs)]
  return atLeast(PROMISED.start, 'start to the first healthy answer', peers / mine, `${mine.toFixed(0)} ms to ${peers.toFixed(0)} ms, the median of ${START_ROUNDS}`)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function rowOf(work: Work, connections: number, mine: Measured, peers: Measured): Row {
  return {
    work: work.name,
    connections,
    'Millrace /s': Math.round(mine.perSecond),
    'MLflow /s': Number(peers.perSecond.toFixed(1)),
    times: Number((mine.perSecond / peers.perSecond).toFixed(1)),
    'Millrace p95 ms': Number(mine.p95.toFixed(2)),
    'MLflow p95 ms': Number(peers.p95.toFixed(1)),
    'Millrace CPU µs': Math.round(mine.cpuMicroseconds),
    'MLflow CPU µs': Math.round(peers.cpuMicroseconds),
    'MLflow failed': peers.failed,
  }
}

/** Both must find the same runs before it is worth anything how fast they do. */
async function compareAnswers(ours: number, theirs: number, ids: { readonly ours: RunIds; readonly theirs: RunIds }): Promise<void> {
  type Found = { readonly runs: readonly { readonly info: { readonly run_name: string } }[] }
  const names = async (port: number, { experimentId }: RunIds) =>
    (await call<Found>(port, 'POST', 'runs/search', { experiment_ids: [experimentId], ...SEARCH })).runs.map(({ info }) => info.run_name)
  const [mine, peers] = await Promise.all([names(ours, ids.ours), names(theirs, ids.theirs)])
  if (mine.length < 100 || mine.join() !== peers.join()) throw new Error(`the servers disagree: ${mine.join()} and ${peers.join()}`)
}

interface Both {
  readonly ours: TrackingServer
  readonly theirs: TrackingServer
  readonly ids: { readonly ours: RunIds; readonly theirs: RunIds }
  readonly folder: string
  readonly rows: Row[]
  readonly promises: Judged[]
}

async function compare(work: Work, { ours, theirs, ids, folder, rows, promises }: Both): Promise<void> {
  for (const connections of [4, 16]) {
    const mine = await measure(ours, folder, work.requests(ids.ours), connections, SECONDS)
    const peers = await measure(theirs, folder, work.requests(ids.theirs), connections, SECONDS)
    rows.push(rowOf(work, connections, mine, peers))
    if (connections === 4) promises.push(atLeast(work.promised, `${work.name}, 4 connections`, mine.perSecond / peers.perSecond))
    promises.push({ promise: `${work.name}, ${connections} connections: none of ours fails`, measured: `${mine.failed}; of MLflow's ${peers.failed}`, kept: mine.failed === 0 })
  }
}

async function child(script: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', script, ...args])
  return stdout
}

/** Requests a second that bare node:http answers with the same JSON, which for what writes is nearly nothing. */
async function nodeAlone(folder: string, server: TrackingServer, ids: RunIds): Promise<ReadonlyMap<string, number>> {
  const floors = new Map<string, number>()
  const files = join(folder, 'floor')
  mkdirSync(files, { recursive: true })
  const port = await freePort()
  const serving = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', FLOORS, 'http', String(port), files], { stdio: ['ignore', 'ignore', 'inherit'] })
  try {
    await untilAnswers(`http://127.0.0.1:${port}/health`, serving)
    for (const [i, work] of WORKS.entries()) {
      const [request] = work.requests(ids)
      if (request === undefined) continue
      const body = request.body?.replaceAll('@@@@@@@', '1000000')
      const answer = await fetch(`http://127.0.0.1:${server.port}${request.path}`, body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      writeFileSync(join(files, `${i}.json`), await answer.text())
      const measured = await measure({ port, cpuSeconds: () => cpuSeconds(serving.pid ?? 0) }, folder, [{ ...request, path: `/${i}` }], 4, SECONDS / 2)
      floors.set(work.name, Math.round(measured.perSecond))
    }
    return floors
  } finally {
    serving.kill()
  }
}

async function sqlAlone(url: string, ids: RunIds): Promise<ReadonlyMap<string, number>> {
  const found: Record<string, number> = JSON.parse(await child(FLOORS, 'sql', url, ids.otherId, ids.runs.join(',')))
  return new Map(Object.entries(found))
}

/** Beside each row of 4 connections. */
function addFloors(rows: readonly Row[], title: string, floors: ReadonlyMap<string, number>): void {
  for (const row of rows) {
    const floor = floors.get(String(row['work']))
    if (row['connections'] === 4 && floor !== undefined) row[title] = Math.round(floor)
  }
}

async function everyPage(port: number, experimentId: string, times: number) {
  const taken: number[] = []
  // The first time through, documents are built and code is compiled.
  for (let time = -1; time < times; time++) {
    for (let token: string | undefined = ''; token !== undefined; ) {
      const begin = performance.now()
      const page: { readonly next_page_token?: string } = await call(port, 'POST', 'runs/search', { experiment_ids: [experimentId], ...SEARCH, page_token: token })
      if (time >= 0) taken.push(performance.now() - begin)
      token = page.next_page_token
    }
  }
  taken.sort((a, b) => a - b)
  const quantile = (q: number) => taken[Math.min(taken.length - 1, Math.floor(q * taken.length))] ?? Number.NaN
  return { pages: taken.length, p50: quantile(0.5), p95: quantile(0.95) }
}

async function databasesFor(folder: string): Promise<{ readonly ours: string | undefined; readonly theirs: string | undefined }> {
  const server = process.env['MILLRACE_BENCH_POSTGRES']
  if (server === undefined) return { ours: undefined, theirs: undefined }
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: `${server}/postgres` })
  await client.connect()
  const suffix = folder.slice(-6).toLowerCase().replace(/[^a-z0-9]/g, '0')
  const make = async (name: string) => {
    await client.query(`create database ${name}_${suffix}`)
    return `${server}/${name}_${suffix}`
  }
  try {
    return { ours: await make('millrace'), theirs: await make('mlflow') }
  } finally {
    await client.end()
  }
}

if (process.argv[1] === import.meta.filename && !show(await run())) process.exitCode = 1
