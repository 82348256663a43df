import { ApiError } from '../../../sdk/http.ts'
import type { TrackingClient } from '../../../sdk/tracking.ts'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'

/** What the monitor asks of the tracking service. */
export interface Registry {
  /** The version that an alias names now, or null. */
  aliasVersion(model: string, alias: string): Promise<string | null>
  /** null for a version that does not exist. */
  version(model: string, version: string): Promise<RegisteredVersion | null>
  /** The last value of each metric of a run; NaN and infinities as such. */
  runMetrics(runId: string): Promise<Readonly<Record<string, number>>>
  /** A file of the version's model folder (`reference.parquet`, `features.json`), or null where it has none. */
  modelFile(model: string, version: string, path: string): Promise<Uint8Array | null>
  /**
   * Idempotent. With `expected` the alias moves only if it names that version now, null: only if it names none; otherwise CONFLICT. GATE_NOT_PASSED and
   * ACCESS_DENIED where the registry's own rules (`registry:` in millrace.yaml) forbid it, NOT_FOUND for a version that was deleted.
   */
  setAlias(model: string, alias: string, version: string, reason: string, expected?: string | null): Promise<void>
  /** Idempotent, and does nothing where the alias names another version. ACCESS_DENIED as for `setAlias`. */
  removeAlias(model: string, alias: string, version: string, reason: string): Promise<void>
}

export interface RegisteredVersion {
  readonly version: string
  readonly runId: string | null
}

const ACTOR = 'monitor'

export function trackingRegistry(tracking: TrackingClient, projectTime: () => Date): Registry {
  const by = (reason: string) => ({ actor: ACTOR, reason, time: projectTime() })
  return {
    aliasVersion: async (model, alias) => (await tracking.getByAlias(model, alias))?.version ?? null,
    version: async (model, version) => {
      const found = await orNull(tracking.getVersion(model, version))
      return found && { version: found.version, runId: found.run_id ?? null }
    },
    runMetrics: async (runId) => {
      const { data } = await tracking.getRun(runId)
      return Object.fromEntries(data.metrics.map(({ key, value }) => [key, Number(value)]))
    },
    modelFile: async (model, version, path) => {
      const folder = await tracking.getDownloadUri(model, version)
      const response = await orNull(tracking.readArtifact(`${folder.replace(/\/+$/, '')}/${path}`))
      return response && new Uint8Array(await response.arrayBuffer())
    },
    setAlias: async (model, alias, version, reason, expected) => {
      try {
        await tracking.setAlias(model, alias, version, { ...by(reason), ...(expected === undefined ? {} : { expected }) })
      } catch (error) {
        throw translated(error)
      }
    },
    removeAlias: async (model, alias, version, reason) => {
      try {
        await tracking.deleteAlias(model, alias, { ...by(reason), expected: version })
      } catch (error) {
        if (!isCode(error, 'CONFLICT')) throw translated(error)
      }
    },
  }
}

/** What the registry answers for good, in this port's words; all else is for trying again. */
const FINAL = ['CONFLICT', 'GATE_NOT_PASSED', 'ACCESS_DENIED', 'NOT_FOUND'] as const

function translated(error: unknown): unknown {
  const code = FINAL.find((one) => isCode(error, one))
  return code === undefined ? error : new MillraceError(code, errorMessage(error), { cause: error })
}

async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer
  } catch (error) {
    if (isCode(error, 'NOT_FOUND')) return null
    throw error
  }
}

function isCode(error: unknown, code: string): error is ApiError {
  return error instanceof ApiError && error.code === code
}
