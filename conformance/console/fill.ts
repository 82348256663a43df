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
