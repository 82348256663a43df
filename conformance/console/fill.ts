/** A tracking server filled over its REST API, as MLflow's clients would fill it; figures depend on nothing but their place. */
import { noise } from './story.ts'

export interface Filler {
  readonly call: <T>(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown, headers?: Readonly<Record<string, string>>) => Promise<T>
  readonly experiment: (name: string, tags?: Readonly<Record<string, string>>) => Promise<string>
  readonly run: (experimentId: string, init: RunInit) => Promise<string>
  readonly artifact: (experimentId: string, runId: string, path: string, content: string | Uint8Array<ArrayBuffer>) => Promise<void>
}

export interface RunInit {
  readonly name: string
  readonly start?: number
  readonly params?: Readonly<Record<string, string>>
  readonly tags?: Readonly<Record<string, string>>
  readonly metrics?: readonly Point[]
  /** Default FINISHED. */
  readonly status?: string
}

interface Point {
  readonly key: string
  readonly value: number | string
  readonly step?: number
  readonly timestamp?: number
}

export const DAY_MS = 86_400_000
export const EPOCH = Date.UTC(2026, 8, 1, 9)
/** The server's limits of one batch. */
const METRICS_IN_BATCH = 900
const PAIRS_IN_BATCH = 100

const OPTIMIZERS = ['adam', 'adamw', 'lion', 'sgd']

const pairs = (record: Readonly<Record<string, string>> = {}) => Object.entries(record).map(([key, value]) => ({ key, value }))

export function fillerOf(url: string): Filler {
  const call: Filler['call'] = async (method, path, body, headers = {}) => {
    const response = await fetch(`${url}/api/2.0/${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return JSON.parse(text)
  }
  const run: Filler['run'] = async (experimentId, { name, start = EPOCH, params, tags, metrics = [], status = 'FINISHED' }) => {
    const created = await call<{ run: { info: { run_id: string } } }>('POST', 'mlflow/runs/create', {
      experiment_id: experimentId, run_name: name, start_time: start, tags: pairs({ 'mlflow.user': 'ada', 'mlflow.source.name': 'train.py', ...tags }),
    })
    const runId = created.run.info.run_id
    const allParams = pairs(params)
    for (let i = 0; i === 0 || i * PAIRS_IN_BATCH < allParams.length || i * METRICS_IN_BATCH < metrics.length; i++) {
      const part = {
        params: allParams.slice(i * PAIRS_IN_BATCH, (i + 1) * PAIRS_IN_BATCH),
        metrics: metrics.slice(i * METRICS_IN_BATCH, (i + 1) * METRICS_IN_BATCH).map(({ step = 0, timestamp = start, ...rest }) => ({ ...rest, step, timestamp })),
      }
      if (part.params.length + part.metrics.length > 0) await call('POST', 'mlflow/runs/log-batch', { run_id: runId, ...part })
    }
    if (status !== 'RUNNING') await call('POST', 'mlflow/runs/update', { run_id: runId, status, end_time: start + 600_000 + Math.round(noise(start) * 5e6) })
    return runId
  }
  return {
    call,
    run,
    experiment: async (name, tags) => (await call<{ experiment_id: string }>('POST', 'mlflow/experiments/create', { name, tags: pairs(tags) })).experiment_id,
    artifact: async (experimentId, runId, path, content) => {
      const target = `${url}/api/2.0/mlflow-artifacts/artifacts/${experimentId}/${runId}/artifacts/${path.split('/').map(encodeURIComponent).join('/')}`
      const response = await fetch(target, { method: 'PUT', body: content })
      if (!response.ok) throw new Error(`PUT ${target}: ${response.status} ${await response.text()}`)
    },
  }
}

/** Runs of one request of the import. */
const RUNS_AT_ONCE = 1000
/** Points of one request. */
const POINTS_AT_ONCE = 20_000

interface Bulk {
  readonly runs: readonly object[]
  readonly points: readonly object[]
}

/**
 * `runs` with a handful of values each, the latest `wide` of them with `columns` more, half metrics and half parameters. By the import, in bulk; names and
 * figures follow from their number.
 */
export async function fillMany(filler: Filler, experimentId: string, { runs, wide, columns }: { readonly runs: number; readonly wide: number; readonly columns: number }): Promise<void> {
  for (let from = 0; from < runs; from += RUNS_AT_ONCE) {
    const bulk = Array.from({ length: Math.min(RUNS_AT_ONCE, runs - from) }, (_, k) => one(experimentId, from + k, from + k >= runs - wide ? columns : 0))
    await filler.call('POST', 'millrace/import/runs', { runs: bulk.flatMap((part) => part.runs) })
    const points = bulk.flatMap((part) => part.points)
    for (let at = 0; at < points.length; at += POINTS_AT_ONCE) await filler.call('POST', 'millrace/import/metrics', { metrics: points.slice(at, at + POINTS_AT_ONCE) })
  }
}

function one(experimentId: string, i: number, columns: number): Bulk {
  const runId = i.toString(16).padStart(8, '0').padStart(32, 'a')
  const name = `sweep-${String(i).padStart(6, '0')}`
  const start = EPOCH + i * 1000
  const more = Array.from({ length: Math.floor(columns / 2) }, (_, k) => String(k).padStart(3, '0'))
  const params = { optimizer: OPTIMIZERS[i % 4] ?? '', lr: (10 ** (-4 + 2.5 * noise(i))).toPrecision(3), ...Object.fromEntries(more.map((k, j) => [`layer.${k}.units`, String(2 ** (3 + Math.floor(noise(i * 31 + j) * 6)))])) }
  const metrics = { auc: 0.6 + 0.2 * noise(i + 7), log_loss: 0.4 + 0.3 * noise(i + 9), ...Object.fromEntries(more.map((k, j) => [`segment.${k}.auc`, 0.5 + 0.4 * noise(i * 17 + j)])) }
  const run = {
    run_id: runId, experiment_id: experimentId, run_name: name, user_id: '', status: 'FINISHED', start_time: start, end_time: start + 600_000 + Math.round(noise(i) * 5e6), lifecycle_stage: 'active',
    params: pairs(params), tags: pairs({ 'mlflow.runName': name, 'mlflow.user': i % 3 === 0 ? 'ada' : 'grace' }),
  }
  return { runs: [run], points: Object.entries(metrics).map(([key, value]) => ({ run_id: runId, key, value: Number(value.toFixed(5)), timestamp: start, step: 0 })) }
}
