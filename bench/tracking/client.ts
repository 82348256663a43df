import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { LoadOptions, LoadRequest, LoadResult } from '../lib/load.ts'

export interface RunIds {
  readonly experimentId: string
  /** Of a second experiment, for runs that the load itself creates. */
  readonly otherId: string
  readonly runs: readonly string[]
}

/** MLflow's REST API, as much of it as the benchmark needs. */
export async function call<T>(port: number, method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${port}/api/2.0/mlflow/${path}`, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  if (response.status !== 200) throw new Error(`${response.status} to ${path}: ${await response.text()}`)
  return (await response.json()) as T
}

/** A write that may be repeated: MLflow's own answers are now and then that its database is locked. */
async function insist(port: number, path: string, body: unknown): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await call(port, 'POST', path, body)
      return
    } catch (error) {
      if (attempt === 20) throw error
    }
  }
}

/** In [0, 1), from the murmur3 finaliser: neighbours have nothing to do with one another. */
function uniform(n: number): number {
  let x = Math.imul(n ^ (n >>> 16), 0x85eb_ca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35)
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32
}

/** A run's 20 metrics, 20 parameters and tag: the same for each server, and half of the runs match each clause of SEARCH. */
export function contentOf(run: number) {
  const noise = (seed: number): number => uniform(run * 64 + seed)
  return {
    metrics: Array.from({ length: 20 }, (_, i) => ({ key: `m${i}`, value: noise(i), timestamp: 1_764_000_000_000 + run, step: run % 100 })),
    params: Array.from({ length: 20 }, (_, i) => ({ key: `p${i}`, value: i === 0 ? (noise(50) < 0.5 ? 'a' : 'b') : `value ${i} ${Math.floor(noise(i + 20) * 1000)}` })),
    tags: [{ key: 'kind', value: noise(60) < 0.5 ? 'x' : 'y' }],
  }
}

export const SEARCH = { filter: "metrics.m0 > 0.5 and params.p0 = 'a' and tags.kind = 'x'", order_by: ['metrics.m1 DESC'], max_results: 100 }

const CURVES = 20

/** Adds runs `from` to `to` with their content, several at a time, and a curve of 1,000 points to the first. Returns their ids. */
export async function addRuns(port: number, experimentId: string, from: number, to: number): Promise<readonly string[]> {
  const ids: string[] = []
  let next = from
  const work = async (): Promise<void> => {
    while (next < to) {
      const i = next++
      const created = await call<{ run: { info: { run_id: string } } }>(port, 'POST', 'runs/create', { experiment_id: experimentId, start_time: 1_764_000_000_000 + i, run_name: `run ${i}` })
      const runId = created.run.info.run_id
      await insist(port, 'runs/log-batch', { run_id: runId, ...contentOf(i) })
      ids[i - from] = runId
      if (i >= CURVES) continue
      const curve = Array.from({ length: 1000 }, (_, step) => ({ key: 'curve', value: Math.sin(step / 100) / (i + 1), timestamp: 1_764_000_000_000 + step * 1000, step }))
      await insist(port, 'runs/log-batch', { run_id: runId, metrics: curve })
    }
  }
  await Promise.all(Array.from({ length: 4 }, work))
  return ids
}

export async function prepare(port: number, runs: number): Promise<RunIds> {
  const create = (name: string) => call<{ experiment_id: string }>(port, 'POST', 'experiments/create', { name })
  const { experiment_id: experimentId } = await create('searched')
  const { experiment_id: otherId } = await create('created')
  return { experimentId, otherId, runs: await addRuns(port, experimentId, 0, runs) }
}

export interface Work {
  readonly name: string
  readonly writes?: true
  /** How many times as many requests a second as MLflow was promised. */
  readonly promised: number
  readonly requests: (ids: RunIds) => readonly LoadRequest[]
}

const post = (name: string, body: unknown): LoadRequest => ({ method: 'POST', path: `/api/2.0/mlflow/${name}`, body: JSON.stringify(body).replaceAll('"#number#"', '@@@@@@@') })
const get = (name: string): LoadRequest => ({ method: 'GET', path: `/api/2.0/mlflow/${name}` })
/** A number of its own in each request: as JSON, and within a string. */
const NUMBER = '#number#'
const DIGITS = '@@@@@@@'

/** What reads comes before what writes: runs grow by what is written, and grow faster where writing is fast. */
export const WORKS: readonly Work[] = [
  { name: 'runs/get', promised: 60, requests: ({ runs }) => runs.map((run_id) => get(`runs/get?run_id=${run_id}`)) },
  { name: 'metrics/get-history (1,000 points)', promised: 60, requests: ({ runs }) => runs.slice(0, CURVES).map((run_id) => get(`metrics/get-history?run_id=${run_id}&metric_key=curve`)) },
  { name: 'runs/search (metric, param, tag; by a metric)', promised: 30, requests: ({ experimentId }) => [post('runs/search', { experiment_ids: [experimentId], ...SEARCH })] },
  { name: 'runs/search (page of 100 whole runs)', promised: 30, requests: ({ experimentId }) => [post('runs/search', { experiment_ids: [experimentId], max_results: 100 })] },
  { name: 'runs/create', writes: true, promised: 60, requests: ({ otherId }) => [post('runs/create', { experiment_id: otherId, start_time: 1_764_000_000_000, run_name: `run ${DIGITS}`, tags: [{ key: 'mlflow.user', value: 'ada' }] })] },
  { name: 'runs/log-metric', writes: true, promised: 60, requests: ({ runs }) => runs.map((run_id) => post('runs/log-metric', { run_id, key: 'loss', value: 0.25, timestamp: 1_764_000_000_000, step: NUMBER })) },
  { name: 'runs/log-parameter', writes: true, promised: 60, requests: ({ runs }) => runs.map((run_id) => post('runs/log-parameter', { run_id, key: `q${DIGITS}`, value: 'a value' })) },
  {
    name: 'runs/log-batch (100 metrics, 10 params, 1 tag)',
    writes: true,
    promised: 20,
    requests: ({ runs }) =>
      runs.map((run_id) =>
        post('runs/log-batch', {
          run_id,
          metrics: Array.from({ length: 100 }, (_, i) => ({ key: `batch${i % 10}`, value: i / 7, timestamp: 1_764_000_000_000 + i, step: NUMBER })),
          params: Array.from({ length: 10 }, (_, i) => ({ key: `b${i}-${DIGITS}`, value: String(i) })),
          tags: [{ key: 'stage', value: DIGITS }],
        }),
      ),
  },
]

export interface Measured extends LoadResult {
  readonly perSecond: number
  /** Of the server, user and system, for each answer. */
  readonly cpuMicroseconds: number
}

let number = 1_000_000

/** Runs the client in a process of its own, so that it shares no event loop with what starts the servers. */
export async function measure(
  server: { readonly port: number; readonly cpuSeconds: () => number },
  folder: string,
  requests: readonly LoadRequest[],
  connections: number,
  seconds: number,
): Promise<Measured> {
  const file = join(folder, 'requests.json')
  writeFileSync(file, JSON.stringify(requests))
  const options: LoadOptions = { port: server.port, connections, seconds, warmUpSeconds: Math.min(1, seconds / 4), requests: file, firstNumber: number, atMost: 0 }
  const before = server.cpuSeconds()
  const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '..', 'lib', 'load.ts'), JSON.stringify(options)])
  const result = JSON.parse(stdout) as LoadResult
  number = result.nextNumber
  return { ...result, perSecond: result.requests / result.seconds, cpuMicroseconds: ((server.cpuSeconds() - before) * 1e6) / result.all }
}
