import type { GateOutcome, Lineage, Manifest, Rollback, Verification, VersionDiff } from '../src/api/registry.ts'
import {
  ACTOR_HEADER,
  type AliasMove,
  type KeyValue,
  type ModelVersion,
  REASON_HEADER,
  type RegisteredModel,
  TIME_HEADER,
} from '../src/api/tracking.ts'
import { ApiError, type RequestOptions, type Transport } from './http.ts'

const API = '/api/2.0/mlflow'
const REGISTRY = '/api/2.0/millrace/registry'
/** Reading every file of a large model. */
const HASHING_TIMEOUT_MS = 600_000
const CREATE_ATTEMPTS = 8
/** MLflow gives a new version for each such request: one whose answer was lost must not be sent again blindly. */
const ONCE: RequestOptions = { retryForMs: 0 }

export interface VersionInit {
  /** `runs:/RUN/PATH`, `mlflow-artifacts:/…` within the run, `models:/MODEL_ID`. */
  readonly source: string
  readonly runId?: string
  readonly description?: string
  readonly tags?: Readonly<Record<string, string>>
}

/** Who makes a change and why: the event log keeps both. */
export interface ChangeOptions {
  readonly actor?: string
  readonly reason?: string
  /** Project time of the change, where the clock is simulated; default the service's. */
  readonly time?: Date
}

export interface AliasMoveOptions extends ChangeOptions {
  /** Move only if the alias is at this version; null: only if there is no such alias. Otherwise ApiError with code CONFLICT. */
  readonly expected?: string | null
  /** Go on though a gate refuses (GATE_NOT_PASSED); `reason` must say why. */
  readonly overrideGate?: boolean
}

export interface RollbackOptions extends ChangeOptions {
  /** Go back only if the alias is at this version: with it, a repetition of the request goes back once. Otherwise ApiError with code CONFLICT. */
  readonly expected?: string
  /** A version that held the alias before; default the last that did. */
  readonly to?: string
}

export interface RegistryQuery {
  readonly filter?: string
  readonly orderBy?: readonly string[]
  readonly maxResults?: number
  readonly pageToken?: string
}

export type RegistryClient = ReturnType<typeof registryClient>

/** The model registry: MLflow's, and what goes beyond it. */
export function registryClient(transport: Transport) {
  const get = <T>(path: string, query: Readonly<Record<string, string | number | undefined>>, options: RequestOptions = {}): Promise<T> =>
    transport.json('GET', path, { ...options, query })
  const send = <T>(method: string, path: string, body: unknown, by: ChangeOptions = {}, options: RequestOptions = {}): Promise<T> =>
    transport.json(method, path, { ...options, body, headers: changeHeaders(by) })

  const getModel = async (name: string): Promise<RegisteredModel> =>
    (await get<{ registered_model: RegisteredModel }>(`${API}/registered-models/get`, { name })).registered_model
  const createVersion = async (model: string, { source, runId, description, tags }: VersionInit, by: ChangeOptions = {}): Promise<ModelVersion> => {
    const body = { name: model, source, run_id: runId, description, tags: toPairs(tags ?? {}) }
    return (await send<{ model_version: ModelVersion }>('POST', `${API}/model-versions/create`, body, by, { ...ONCE, timeoutMs: HASHING_TIMEOUT_MS })).model_version
  }
  const searchVersions = async (query: RegistryQuery): Promise<{ readonly versions: readonly ModelVersion[]; readonly nextPageToken?: string }> => {
    const answer = await transport.json<{ model_versions?: readonly ModelVersion[]; next_page_token?: string }>('GET', `${API}/model-versions/search?${parametersOf(query)}`)
    return { versions: answer.model_versions ?? [], ...(answer.next_page_token === undefined ? {} : { nextPageToken: answer.next_page_token }) }
  }

  return {
    getModel,
    searchModels: async (query: RegistryQuery = {}): Promise<{ readonly models: readonly RegisteredModel[]; readonly nextPageToken?: string }> => {
      const answer = await transport.json<{ registered_models?: readonly RegisteredModel[]; next_page_token?: string }>('GET', `${API}/registered-models/search?${parametersOf(query)}`)
      return { models: answer.registered_models ?? [], ...(answer.next_page_token === undefined ? {} : { nextPageToken: answer.next_page_token }) }
    },
    /** The model by that name, made if it is missing. */
    registerModel: async (name: string, init: { description?: string; tags?: Readonly<Record<string, string>> } = {}): Promise<RegisteredModel> => {
      try {
        const body = { name, description: init.description, tags: toPairs(init.tags ?? {}) }
        return (await send<{ registered_model: RegisteredModel }>('POST', `${API}/registered-models/create`, body)).registered_model
      } catch (error) {
        if (isCode(error, 'ALREADY_EXISTS')) return getModel(name)
        throw error
      }
    },
    renameModel: async (name: string, newName: string, by: ChangeOptions = {}): Promise<RegisteredModel> =>
      (await send<{ registered_model: RegisteredModel }>('POST', `${API}/registered-models/rename`, { name, new_name: newName }, by)).registered_model,
    /** With its versions and aliases; the history of the aliases stays. */
    deleteModel: async (name: string, by: ChangeOptions = {}): Promise<void> => void (await send('DELETE', `${API}/registered-models/delete`, { name }, by)),
    createVersion,
    /** The version of the model that this run made, created if there is none: for a caller that may be killed and start again. */
    findOrCreateVersion: async (model: string, init: VersionInit & { readonly runId: string }): Promise<ModelVersion> => {
      const filter = `name = ${quote(model)} AND run_id = ${quote(init.runId)}`
      const find = async () => (await searchVersions({ filter, orderBy: ['version_number ASC'], maxResults: 1 })).versions[0]
      return findOrCreate(find, () => createVersion(model, init))
    },
    getVersion: async (model: string, version: string): Promise<ModelVersion> =>
      (await get<{ model_version: ModelVersion }>(`${API}/model-versions/get`, { name: model, version })).model_version,
    deleteVersion: async (model: string, version: string, by: ChangeOptions = {}): Promise<void> =>
      void (await send('DELETE', `${API}/model-versions/delete`, { name: model, version }, by)),
    /** Where the version's files are: for `files` and `readArtifact`. */
    getDownloadUri: async (model: string, version: string): Promise<string> =>
      (await get<{ artifact_uri: string }>(`${API}/model-versions/get-download-uri`, { name: model, version })).artifact_uri,
    searchVersions,
    setVersionTag: async (model: string, version: string, key: string, value: string, by: ChangeOptions = {}): Promise<void> => {
      await send('POST', `${API}/model-versions/set-tag`, { name: model, version, key, value }, by)
    },
    /** Moves the alias in one transaction with its history and its event. Where it is already, nothing happens. */
    setAlias: async (model: string, alias: string, version: string, options: AliasMoveOptions = {}): Promise<void> => {
      const override = options.overrideGate === true ? { override_gate: true } : {}
      await send('POST', `${API}/registered-models/alias`, { name: model, alias, version, ...override, ...expectation(options) }, options, { timeoutMs: HASHING_TIMEOUT_MS })
    },
    /** Removing one that is not there is no error. */
    deleteAlias: async (model: string, alias: string, options: AliasMoveOptions = {}): Promise<void> => {
      await send('DELETE', `${API}/registered-models/alias`, { name: model, alias, ...expectation(options) }, options)
    },
    /** Gives the alias back to the version that held it before, in one transaction. Without `expected` it is not repeated after a lost answer. */
    rollBackAlias: async (model: string, alias: string, options: RollbackOptions = {}): Promise<AliasMove> => {
      const body = { name: model, alias, expected_version: options.expected, to_version: options.to }
      return (await send<Rollback>('POST', `${REGISTRY}/rollback`, body, options, options.expected === undefined ? ONCE : {})).move
    },
    /** undefined where the model or the alias does not exist. */
    getByAlias: (model: string, alias: string): Promise<ModelVersion | undefined> =>
      orUndefined(get<{ model_version: ModelVersion }>(`${API}/registered-models/alias`, { name: model, alias }), (answer) => answer.model_version),
    /** Every move of the model's aliases, or of one, oldest first. */
    aliasHistory: async (model: string, alias?: string): Promise<readonly AliasMove[]> =>
      (await get<{ moves: readonly AliasMove[] }>(`${REGISTRY}/history`, { name: model, alias })).moves,
    /** The move that put the alias where it was at `time` (project time); undefined where there had been none. */
    aliasAt: (model: string, alias: string, time: Date): Promise<AliasMove | undefined> =>
      orUndefined(get<AliasMove>(`${REGISTRY}/champion`, { name: model, alias, time: time.toISOString() }), (move) => move),
    lineage: (model: string, version: string): Promise<Lineage> => get(`${REGISTRY}/lineage`, { name: model, version }),
    diffVersions: (a: { readonly model: string; readonly version: string }, b: { readonly model: string; readonly version: string }): Promise<VersionDiff> =>
      get(`${REGISTRY}/diff`, { name: a.model, version: a.version, other_name: b.model, other_version: b.version }),
    /** What setting the alias on the version would be told now. */
    gateOutcome: (model: string, alias: string, version: string): Promise<GateOutcome> => get(`${REGISTRY}/gates`, { name: model, alias, version }),
    /** undefined where the version is not sealed. */
    manifest: (model: string, version: string): Promise<Manifest | undefined> =>
      orUndefined(get<Manifest>(`${REGISTRY}/manifest`, { name: model, version }), (manifest) => manifest),
    /** Makes the manifest of a version that had no files when it was registered. */
    sealVersion: (model: string, version: string, by: ChangeOptions = {}): Promise<Manifest> =>
      send('POST', `${REGISTRY}/seal`, { name: model, version }, by, { timeoutMs: HASHING_TIMEOUT_MS }),
    /** The server reads every file again. */
    verifyVersion: (model: string, version: string): Promise<Verification> => get(`${REGISTRY}/verify`, { name: model, version }, { timeoutMs: HASHING_TIMEOUT_MS }),
  }
}

/** Looks again after a creation whose answer was lost: it may have happened. */
export async function findOrCreate<T>(find: () => Promise<T | undefined>, create: () => Promise<T>): Promise<T> {
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

export function toPairs(values: Readonly<Record<string, unknown>>): readonly KeyValue[] {
  return Object.entries(values).map(([key, value]) => ({ key, value: typeof value === 'string' ? value : (JSON.stringify(value) ?? '') }))
}

/** A string of the search language. */
export function quote(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof ApiError && codes.includes(error.code)
}

export async function orUndefined<A, T>(answer: Promise<A>, take: (answer: A) => T): Promise<T | undefined> {
  try {
    return take(await answer)
  } catch (error) {
    if (isCode(error, 'NOT_FOUND', 'ALIAS_NOT_FOUND')) return undefined
    throw error
  }
}

function expectation({ expected }: AliasMoveOptions): { expected_version?: string } {
  return expected === undefined ? {} : { expected_version: expected ?? '' }
}

function changeHeaders({ actor, reason, time }: ChangeOptions): Record<string, string> {
  return {
    ...(actor === undefined ? {} : { [ACTOR_HEADER]: encodeURIComponent(actor) }),
    ...(reason === undefined ? {} : { [REASON_HEADER]: encodeURIComponent(reason) }),
    ...(time === undefined ? {} : { [TIME_HEADER]: time.toISOString() }),
  }
}

function parametersOf(query: RegistryQuery): string {
  const parameters = new URLSearchParams()
  if (query.filter !== undefined) parameters.set('filter', query.filter)
  for (const order of query.orderBy ?? []) parameters.append('order_by', order)
  if (query.maxResults !== undefined) parameters.set('max_results', String(query.maxResults))
  if (query.pageToken !== undefined) parameters.set('page_token', query.pageToken)
  return parameters.toString()
}
