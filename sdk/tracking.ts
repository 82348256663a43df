import {
  ACTOR_HEADER,
  type AliasMove,
  type Experiment,
  type KeyValue,
  type Metric,
  type ModelVersion,
  REASON_HEADER,
  type RegisteredModel,
  type Run,
  type RunInfo,
  type RunStatus,
  TIME_HEADER,
} from '../src/api/tracking.ts'
import { type ArtifactContent, artifactsClient } from './artifacts.ts'
import { ApiError, type RequestOptions, type Transport } from './http.ts'

const API = '/api/2.0/mlflow'
const MILLRACE = '/api/2.0/millrace'
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

export interface VersionInit {
  /** `runs:/RUN/PATH`, `mlflow-artifacts:/…` within the run, `models:/MODEL_ID`. */
  readonly source: string
  readonly runId?: string
  readonly description?: string
  readonly tags?: Readonly<Record<string, string>>
}

export interface AliasMoveOptions {
  readonly actor?: string
  readonly reason?: string
  /** Move only if the alias is at this version; null: only if there is no such alias. Otherwise ApiError with code CONFLICT. */
  readonly expected?: string | null
  /** Project time of the move, where the clock is simulated; default the service's. */
  readonly time?: Date
}

export interface VersionQuery {
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
const CREATE_ATTEMPTS = 8

/** Looks again after a creation whose answer was lost: it may have happened. */
async function findOrCreate<T>(find: () => Promise<T | undefined>, create: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const found = await find()
    if (found !== undefined) return found
    try {
      return await create()
    } catch (error) {
      const answered = error instanceof ApiError && error.status < 500
      if (answered || attempt >= CREATE_ATTEMPTS) throw error
      await new Promise((resolve) => setTimeout(resolve, 50 * 2 ** attempt))
    }
  }
}

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

function registryClient(transport: Transport) {
  const get = <T>(path: string, query: Readonly<Record<string, string | number | undefined>>): Promise<T> => transport.json('GET', path, { query })
  const post = <T>(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<T> =>
    transport.json('POST', `${API}/${path}`, { body, headers })

  const getModel = async (name: string): Promise<RegisteredModel> =>
    (await get<{ registered_model: RegisteredModel }>(`${API}/registered-models/get`, { name })).registered_model
  const createVersion = async (model: string, { source, runId, description, tags }: VersionInit): Promise<ModelVersion> => {
    const body = { name: model, source, run_id: runId, description, tags: toPairs(tags ?? {}) }
    return (await transport.json<{ model_version: ModelVersion }>('POST', `${API}/model-versions/create`, { ...ONCE, body })).model_version
  }
  const searchVersions = async (query: VersionQuery): Promise<{ readonly versions: readonly ModelVersion[]; readonly nextPageToken?: string }> => {
    const parameters = new URLSearchParams()
    if (query.filter !== undefined) parameters.set('filter', query.filter)
    for (const order of query.orderBy ?? []) parameters.append('order_by', order)
    if (query.maxResults !== undefined) parameters.set('max_results', String(query.maxResults))
    if (query.pageToken !== undefined) parameters.set('page_token', query.pageToken)
    const answer = await transport.json<{ model_versions?: readonly ModelVersion[]; next_page_token?: string }>('GET', `${API}/model-versions/search?${parameters.toString()}`)
    return { versions: answer.model_versions ?? [], ...(answer.next_page_token === undefined ? {} : { nextPageToken: answer.next_page_token }) }
  }

  return {
    getModel,
    /** The model by that name, made if it is missing. */
    registerModel: async (name: string, init: { description?: string; tags?: Readonly<Record<string, string>> } = {}): Promise<RegisteredModel> => {
      try {
        const body = { name, description: init.description, tags: toPairs(init.tags ?? {}) }
        return (await post<{ registered_model: RegisteredModel }>('registered-models/create', body)).registered_model
      } catch (error) {
        if (isCode(error, 'ALREADY_EXISTS')) return getModel(name)
        throw error
      }
    },
    createVersion,
    /** The version of the model that this run made, created if there is none: for a caller that may be killed and start again. */
    findOrCreateVersion: async (model: string, init: VersionInit & { readonly runId: string }): Promise<ModelVersion> => {
      const filter = `name = ${quote(model)} AND run_id = ${quote(init.runId)}`
      const find = async () => (await searchVersions({ filter, orderBy: ['version_number ASC'], maxResults: 1 })).versions[0]
      return findOrCreate(find, () => createVersion(model, init))
    },
    getVersion: async (model: string, version: string): Promise<ModelVersion> =>
      (await get<{ model_version: ModelVersion }>(`${API}/model-versions/get`, { name: model, version })).model_version,
    /** Where the version's files are: for `files` and `readArtifact`. */
    getDownloadUri: async (model: string, version: string): Promise<string> =>
      (await get<{ artifact_uri: string }>(`${API}/model-versions/get-download-uri`, { name: model, version })).artifact_uri,
    searchVersions,
    setVersionTag: async (model: string, version: string, key: string, value: string): Promise<void> => {
      await post('model-versions/set-tag', { name: model, version, key, value })
    },
    /** Moves the alias in one transaction with its history and its event. Where it is already, nothing happens. */
    setAlias: async (model: string, alias: string, version: string, options: AliasMoveOptions = {}): Promise<void> => {
      await post('registered-models/alias', { name: model, alias, version, ...expectation(options) }, moverHeaders(options))
    },
    /** Removing one that is not there is no error. */
    deleteAlias: async (model: string, alias: string, options: AliasMoveOptions = {}): Promise<void> => {
      const body = { name: model, alias, ...expectation(options) }
      await transport.json('DELETE', `${API}/registered-models/alias`, { body, headers: moverHeaders(options) })
    },
    /** undefined where the model or the alias does not exist. */
    getByAlias: (model: string, alias: string): Promise<ModelVersion | undefined> =>
      orUndefined(get<{ model_version: ModelVersion }>(`${API}/registered-models/alias`, { name: model, alias }), (answer) => answer.model_version),
    aliasHistory: async (model: string, alias?: string): Promise<readonly AliasMove[]> =>
      (await get<{ moves: readonly AliasMove[] }>(`${MILLRACE}/registered-models/alias-history`, { name: model, alias })).moves,
    /** The move that put the alias where it was at `time` (project time); undefined where there had been none. */
    aliasAt: (model: string, alias: string, time: Date): Promise<AliasMove | undefined> =>
      orUndefined(get<AliasMove>(`${MILLRACE}/registered-models/champion-at`, { name: model, alias, time: time.toISOString() }), (move) => move),
  }
}

function expectation({ expected }: AliasMoveOptions): { expected_version?: string } {
  return expected === undefined ? {} : { expected_version: expected ?? '' }
}

function moverHeaders({ actor, reason, time }: AliasMoveOptions): Record<string, string> {
  return {
    ...(actor === undefined ? {} : { [ACTOR_HEADER]: encodeURIComponent(actor) }),
    ...(reason === undefined ? {} : { [REASON_HEADER]: encodeURIComponent(reason) }),
    ...(time === undefined ? {} : { [TIME_HEADER]: time.toISOString() }),
  }
}

function toPairs(values: Readonly<Record<string, unknown>>): readonly KeyValue[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: typeof value === 'string' ? value : (JSON.stringify(value) ?? '') }))
}

function toDouble(value: number): number | string {
  return Number.isFinite(value) ? value : String(value)
}

/** A string of the search language. */
function quote(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

function isPoints(metrics: Readonly<Record<string, number>> | readonly MetricPoint[]): metrics is readonly MetricPoint[] {
  return Array.isArray(metrics)
}

function* chunks<T>(values: readonly T[], size: number): Iterable<readonly T[]> {
  for (let at = 0; at < values.length; at += size) yield values.slice(at, at + size)
}

function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof ApiError && codes.includes(error.code)
}

async function orUndefined<A, T>(answer: Promise<A>, take: (answer: A) => T): Promise<T | undefined> {
  try {
    return take(await answer)
  } catch (error) {
    if (isCode(error, 'NOT_FOUND', 'ALIAS_NOT_FOUND')) return undefined
    throw error
  }
}
