import type { Experiment, KeyValue, Metric, Run, RunInfo, RunStatus } from '../src/api/tracking.ts'
import { type ArtifactContent, artifactsClient } from './artifacts.ts'
import type { RequestOptions, Transport } from './http.ts'
import { findOrCreate, isCode, orUndefined, quote, registryClient, toPairs } from './registry.ts'

const API = '/api/2.0/mlflow'
/** The server's limits of one batch. */
const METRICS_IN_BATCH = 1000
const PAIRS_IN_BATCH = 100

/** One point of a metric. */
export interface MetricPoint {
  readonly key: string
  readonly value: number
  /** Milliseconds since 1970; default now. */
  readonly timestamp?: number
  readonly step?: number
}

export interface RunInit {
  readonly name?: string
  readonly userId?: string
  readonly startTime?: number
  readonly tags?: Readonly<Record<string, string>>
}

export interface RunQuery {
  readonly experimentIds: readonly string[]
  readonly filter?: string
  readonly orderBy?: readonly string[]
  readonly maxResults?: number
  readonly pageToken?: string
}

export type TrackingClient = ReturnType<typeof trackingClient>

/** Experiments, runs, artifacts and the model registry. */
export function trackingClient(transport: Transport) {
  return { ...runsClient(transport), ...registryClient(transport), ...artifactsClient(transport) }
}

export type { ArtifactContent }

/** MLflow gives a new run, and a new version, for each such request: one whose answer was lost must not be sent again blindly. */
const ONCE: RequestOptions = { retryForMs: 0 }

function runsClient(transport: Transport) {
  const get = <T>(path: string, query: Readonly<Record<string, string | number | undefined>>): Promise<T> => transport.json('GET', `${API}/${path}`, { query })
  const post = <T>(path: string, body: unknown, options: RequestOptions = {}): Promise<T> => transport.json('POST', `${API}/${path}`, { ...options, body })

  const createExperiment = async (name: string, tags: Readonly<Record<string, string>> = {}): Promise<string> =>
    (await post<{ experiment_id: string }>('experiments/create', { name, tags: toPairs(tags) })).experiment_id
  const getExperimentByName = (name: string): Promise<Experiment | undefined> =>
    orUndefined(get<{ experiment: Experiment }>('experiments/get-by-name', { experiment_name: name }), (answer) => answer.experiment)
  const createRun = async (experimentId: string, init: RunInit = {}): Promise<Run> => {
    const body = { experiment_id: experimentId, run_name: init.name, user_id: init.userId, start_time: init.startTime ?? Date.now(), tags: toPairs(init.tags ?? {}) }
    return (await post<{ run: Run }>('runs/create', body, ONCE)).run
  }
  const searchRuns = async (query: RunQuery): Promise<{ readonly runs: readonly Run[]; readonly nextPageToken?: string }> => {
    const answer = await post<{ runs?: readonly Run[]; next_page_token?: string }>('runs/search', {
      experiment_ids: query.experimentIds,
      filter: query.filter,
      order_by: query.orderBy,
      max_results: query.maxResults,
      page_token: query.pageToken,
    })
    return { runs: answer.runs ?? [], ...(answer.next_page_token === undefined ? {} : { nextPageToken: answer.next_page_token }) }
  }
  /** Splits what is more than one batch holds. Each batch is one transaction; the whole may be repeated after a failure. */
  const logBatch = async (
    runId: string,
    { metrics = [], params = {}, tags = {} }: { metrics?: readonly MetricPoint[]; params?: Readonly<Record<string, unknown>>; tags?: Readonly<Record<string, string>> },
  ): Promise<void> => {
    const now = Date.now()
    const points = metrics.map(({ key, value, timestamp, step }) => ({ key, value: toDouble(value), timestamp: timestamp ?? now, step: step ?? 0 }))
    for (const chunk of chunks(toPairs(params), PAIRS_IN_BATCH)) await post('runs/log-batch', { run_id: runId, params: chunk })
    for (const chunk of chunks(toPairs(tags), PAIRS_IN_BATCH)) await post('runs/log-batch', { run_id: runId, tags: chunk })
    for (const chunk of chunks(points, METRICS_IN_BATCH)) await post('runs/log-batch', { run_id: runId, metrics: chunk })
  }

  return {
    createExperiment,
    getExperimentByName,
    /** The id of the experiment by that name, made if it is missing; of two callers at once both get the same. */
    getOrCreateExperiment: async (name: string): Promise<string> => {
      const found = await getExperimentByName(name)
      if (found !== undefined) return found.experiment_id
      try {
        return await createExperiment(name)
      } catch (error) {
        const other = isCode(error, 'ALREADY_EXISTS') ? await getExperimentByName(name) : undefined
        if (other === undefined) throw error
        return other.experiment_id
      }
    },
    createRun,
    /** The run of the experiment with this tag, made if there is none: for a caller that may be killed and start again, alone with its tag. */
    findOrCreateRun: async (experimentId: string, tag: KeyValue, init: RunInit = {}): Promise<Run> => {
      const filter = `tags.\`${tag.key}\` = ${quote(tag.value)}`
      const find = async () => (await searchRuns({ experimentIds: [experimentId], filter, orderBy: ['start_time ASC'], maxResults: 1 })).runs[0]
      return findOrCreate(find, () => createRun(experimentId, { ...init, tags: { ...init.tags, [tag.key]: tag.value } }))
    },
    getRun: async (runId: string): Promise<Run> => (await get<{ run: Run }>('runs/get', { run_id: runId })).run,
    updateRun: async (runId: string, change: { status?: RunStatus; endTime?: number; name?: string }): Promise<RunInfo> =>
      (await post<{ run_info: RunInfo }>('runs/update', { run_id: runId, status: change.status, end_time: change.endTime, run_name: change.name })).run_info,
    searchRuns,
    logBatch,
    logParams: (runId: string, params: Readonly<Record<string, unknown>>): Promise<void> => logBatch(runId, { params }),
    /** Single values, or points with steps: the history of a metric. */
    logMetrics: (runId: string, metrics: Readonly<Record<string, number>> | readonly MetricPoint[]): Promise<void> =>
      logBatch(runId, { metrics: isPoints(metrics) ? metrics : Object.entries(metrics).map(([key, value]) => ({ key, value })) }),
    setTags: (runId: string, tags: Readonly<Record<string, string>>): Promise<void> => logBatch(runId, { tags }),
    metricHistory: async (runId: string, key: string): Promise<readonly Metric[]> =>
      (await get<{ metrics?: readonly Metric[] }>('metrics/get-history', { run_id: runId, metric_key: key })).metrics ?? [],
  }
}

function toDouble(value: number): number | string {
  return Number.isFinite(value) ? value : String(value)
}

function isPoints(metrics: Readonly<Record<string, number>> | readonly MetricPoint[]): metrics is readonly MetricPoint[] {
  return Array.isArray(metrics)
}

function* chunks<T>(values: readonly T[], size: number): Iterable<readonly T[]> {
  for (let at = 0; at < values.length; at += size) yield values.slice(at, at + size)
}
