import Type, { type TSchema, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { ApiError, type Transport } from '../../../sdk/http.ts'
import { MillraceError } from '../../platform/errors/index.ts'

/** What the monitor asks of the tracking service. */
export interface Registry {
  /** The version that an alias names now, or null. */
  aliasVersion(model: string, alias: string): Promise<string | null>
  /** null for a version that does not exist. */
  version(model: string, version: string): Promise<RegisteredVersion | null>
  /** The last value of each metric of a run. */
  runMetrics(runId: string): Promise<Readonly<Record<string, number>>>
  /** A file of the version's model folder (`reference.parquet`, `features.json`), or null where it has none. */
  modelFile(model: string, version: string, path: string): Promise<Uint8Array | null>
  /** Idempotent. With `expected` the alias moves only if it names that version now; otherwise CONFLICT. */
  setAlias(model: string, alias: string, version: string, reason: string, expected?: string): Promise<void>
  /** Idempotent: removing an alias that is not there is no error. */
  removeAlias(model: string, alias: string, reason: string): Promise<void>
}

export interface RegisteredVersion {
  readonly version: string
  readonly runId: string | null
  readonly source: string
}

const ACTOR = 'monitor'
const versionSchema = Type.Object({
  model_version: Type.Object({ version: Type.Union([Type.String(), Type.Number()]), run_id: Type.Optional(Type.Union([Type.String(), Type.Null()])), source: Type.Optional(Type.String()) }),
})
const runSchema = Type.Object({
  run: Type.Object({
    info: Type.Object({ artifact_uri: Type.Optional(Type.String()) }),
    data: Type.Object({ metrics: Type.Optional(Type.Array(Type.Object({ key: Type.String(), value: Type.Unknown() }))) }),
  }),
})
const loggedModelSchema = Type.Object({ model: Type.Object({ info: Type.Object({ artifact_uri: Type.String() }) }) })

/** Speaks MLflow's REST API, with the registry's own additions: `expected_version`, actor and reason. */
export function trackingRegistry(transport: Transport): Registry {
  const api = async <S extends TSchema>(schema: S, path: string, query: Record<string, string>): Promise<Static<S> | null> => {
    try {
      return parse(schema, await transport.json('GET', `/api/2.0/mlflow/${path}`, { query }), path)
    } catch (error) {
      if (isNotFound(error)) return null
      throw error
    }
  }

  const version = async (model: string, of: string): Promise<RegisteredVersion | null> => {
    const found = await api(versionSchema, 'model-versions/get', { name: model, version: of })
    if (!found) return null
    const { version: name, run_id, source } = found.model_version
    return { version: String(name), runId: run_id ? run_id : null, source: source ?? '' }
  }

  const run = async (runId: string) => {
    const found = await api(runSchema, 'runs/get', { run_id: runId })
    if (!found) throw new MillraceError('UPSTREAM_FAILED', `tracking knows no run ${runId}`)
    return found.run
  }

  /** The folder that `source` names, below the artifact service's root. */
  const artifactFolder = async (source: string): Promise<string> => {
    const ofRun = /^runs:\/+([^/]+)\/?(.*)$/.exec(source)
    if (ofRun) return artifactPath(`${(await run(ofRun[1] ?? '')).info.artifact_uri ?? ''}/${ofRun[2] ?? ''}`)
    const logged = /^models:\/+(m-[^/]+)$/.exec(source)
    if (logged) {
      const found = await api(loggedModelSchema, `logged-models/${logged[1]}`, {})
      if (!found) throw new MillraceError('UPSTREAM_FAILED', `tracking knows no logged model ${logged[1]}`)
      return artifactPath(found.model.info.artifact_uri)
    }
    return artifactPath(source)
  }

  return {
    aliasVersion: async (model, alias) => {
      const found = await api(versionSchema, 'registered-models/alias', { name: model, alias })
      return found ? String(found.model_version.version) : null
    },
    version,
    runMetrics: async (runId) => {
      const { data } = await run(runId)
      const metrics: Record<string, number> = {}
      for (const { key, value } of data.metrics ?? []) metrics[key] = typeof value === 'number' ? value : Number(value)
      return metrics
    },
    modelFile: async (model, of, path) => {
      const found = await version(model, of)
      if (!found) throw new MillraceError('NOT_FOUND', `${model} has no version ${of}`)
      const folder = await artifactFolder(found.source)
      const address = `${folder}/${path}`.split('/').filter(Boolean).map(encodeURIComponent).join('/')
      try {
        const response = await transport.raw('GET', `/api/2.0/mlflow-artifacts/artifacts/${address}`)
        return new Uint8Array(await response.arrayBuffer())
      } catch (error) {
        if (isNotFound(error)) return null
        throw error
      }
    },
    setAlias: async (model, alias, to, reason, expected) => {
      const body = { name: model, alias, version: to, ...(expected === undefined ? {} : { expected_version: expected }) }
      try {
        await transport.json('POST', '/api/2.0/mlflow/registered-models/alias', { body, headers: headers(reason) })
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 409)) throw error
        throw new MillraceError('CONFLICT', error.message, { cause: error })
      }
    },
    removeAlias: async (model, alias, reason) => {
      try {
        await transport.json('DELETE', '/api/2.0/mlflow/registered-models/alias', { body: { name: model, alias }, headers: headers(reason) })
      } catch (error) {
        if (!isNotFound(error)) throw error
      }
    },
  }
}

/** Headers hold Latin-1 only, and a reason may quote what others wrote. */
function headers(reason: string): Record<string, string> {
  return { 'x-millrace-actor': ACTOR, 'x-millrace-reason': reason.replace(/[^\x20-\x7e]/g, '?') }
}

/** `mlflow-artifacts:/0/RUN/artifacts/model` and `mlflow-artifacts://HOST/0/…` → `0/RUN/artifacts/model`. */
function artifactPath(uri: string): string {
  const match = /^mlflow-artifacts:(?:\/\/[^/]*)?\/*(.*)$/.exec(uri)
  if (!match) throw new MillraceError('UPSTREAM_FAILED', `the artifacts at ${JSON.stringify(uri)} are not kept by the tracking service`)
  return match[1] ?? ''
}

/** MLflow answers a missing alias or version with 404 RESOURCE_DOES_NOT_EXIST, a missing alias also with 400 INVALID_PARAMETER_VALUE. */
function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || (error.status === 400 && /alias .*not found/i.test(error.message)))
}

function parse<S extends TSchema>(schema: S, value: unknown, what: string): Static<S> {
  const compiled = Compile(schema)
  if (compiled.Check(value)) return value as Static<S>
  const [first] = compiled.Errors(value)
  throw new MillraceError('UPSTREAM_FAILED', `tracking's answer to ${what}: ${first?.instancePath || '/'} ${first?.message ?? 'is malformed'}`)
}
