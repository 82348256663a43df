import { readFileSync } from 'node:fs'
import type { KeyValue, Metric, ModelVersion, Run, RunInfo } from '../../../api/tracking.ts'
import { ApiError, type Transport } from '../../../../sdk/http.ts'
import type { Artifact } from './artifacts.ts'

/** The calls of MLflow's REST API that logging a pipeline's result needs. */
export interface TrackingPort {
  /** Makes the experiment if there is none of that name. */
  experimentId(name: string): Promise<string>
  /** The active run that carries the tag, or undefined. */
  findRun(experimentId: string, tag: KeyValue): Promise<Run | undefined>
  createRun(run: { readonly experiment_id: string; readonly run_name: string; readonly start_time: number; readonly tags: readonly KeyValue[] }): Promise<Run>
  /** At most 1000 entries, of them 100 params and 100 tags. The same again changes nothing. */
  logBatch(runId: string, batch: { readonly params?: readonly KeyValue[]; readonly metrics?: readonly Metric[]; readonly tags?: readonly KeyValue[] }): Promise<void>
  /** Replaces what is there under the same path. */
  uploadArtifact(info: RunInfo, artifact: Artifact): Promise<void>
  finishRun(runId: string, endTime: number): Promise<void>
  /** Makes the registered model if there is none of that name. */
  ensureModel(name: string): Promise<void>
  findVersion(name: string, runId: string): Promise<ModelVersion | undefined>
  createVersion(version: { readonly name: string; readonly source: string; readonly run_id: string; readonly tags: readonly KeyValue[] }): Promise<ModelVersion>
}

const API = '/api/2.0/mlflow'

export function trackingPort(transport: Transport): TrackingPort {
  const post = <T>(path: string, body: unknown): Promise<T> => transport.json('POST', `${API}/${path}`, { body })
  const get = <T>(path: string, query: Readonly<Record<string, string>>): Promise<T> => transport.json('GET', `${API}/${path}`, { query })
  return {
    experimentId: async (name) => {
      const found = await unlessMissing(get<{ experiment: { experiment_id: string } }>('experiments/get-by-name', { experiment_name: name }))
      if (found) return found.experiment.experiment_id
      const made = await unlessThere(post<{ experiment_id: string }>('experiments/create', { name }))
      if (made) return made.experiment_id
      return (await get<{ experiment: { experiment_id: string } }>('experiments/get-by-name', { experiment_name: name })).experiment.experiment_id
    },
    findRun: async (experimentId, { key, value }) => {
      const filter = `tags.\`${key}\` = '${value}'`
      const { runs } = await post<{ runs?: readonly Run[] }>('runs/search', { experiment_ids: [experimentId], filter, max_results: 1 })
      return runs?.[0]
    },
    createRun: async (run) => (await post<{ run: Run }>('runs/create', run)).run,
    logBatch: async (runId, batch) => {
      await post('runs/log-batch', { run_id: runId, ...batch })
    },
    uploadArtifact: async ({ artifact_uri: uri }, { path, file }) => {
      const root = uri.replace(/^mlflow-artifacts:(?:\/\/[^/]*)?\/*/, '')
      const address = `${root}/${path}`.split('/').map(encodeURIComponent).join('/')
      const headers = { 'content-type': 'application/octet-stream' }
      await (await transport.raw('PUT', `/api/2.0/mlflow-artifacts/artifacts/${address}`, { body: readFileSync(file), headers })).arrayBuffer()
    },
    finishRun: async (runId, endTime) => {
      await post('runs/update', { run_id: runId, status: 'FINISHED', end_time: endTime })
    },
    ensureModel: async (name) => {
      await unlessThere(post('registered-models/create', { name }))
    },
    findVersion: async (name, runId) => {
      const filter = `name = '${name.replaceAll("'", "''")}'`
      for (let token: string | undefined; ; ) {
        const page = await get<{ model_versions?: readonly ModelVersion[]; next_page_token?: string }>('model-versions/search', {
          filter,
          max_results: '1000',
          ...(token === undefined ? {} : { page_token: token }),
        })
        const found = page.model_versions?.find((version) => version.run_id === runId)
        token = page.next_page_token
        if (found || !token) return found
      }
    },
    createVersion: async (version) => (await post<{ model_version: ModelVersion }>('model-versions/create', version)).model_version,
  }
}

async function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof ApiError && error.code === 'RESOURCE_DOES_NOT_EXIST') return undefined
    throw error
  }
}

async function unlessThere<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof ApiError && error.code === 'RESOURCE_ALREADY_EXISTS') return undefined
    throw error
  }
}
