import type { DeploymentConfig, ProjectConfig } from '../../domain/config.ts'
import type { ErrorCode } from '../../platform/errors/index.ts'
import type { Division } from '../rollout/split.ts'
import type { LoadOptions } from '../runtime/model.ts'

/** A version that stands behind an alias, and where its files lie on this machine. */
export interface PlacedVersion {
  readonly model: string
  readonly alias: string
  readonly version: string
  readonly identity: string
  readonly folder: string
  readonly options: LoadOptions
}

/** How the requests of a model are divided while a rollout of it is on. */
export interface ModelDivision {
  readonly model: string
  /** null: they are not. */
  readonly division: Division | null
}

/** What a worker is to do; all but `stop` are answered, and in order those that do not only look. */
export type WorkerTask =
  | {
      readonly kind: 'start'
      readonly config: ProjectConfig
      readonly projectFolder: string
      /** The service's own. */
      readonly folder: string
      readonly deployments: readonly DeploymentConfig[]
      readonly placed: readonly PlacedVersion[]
      readonly divisions: readonly ModelDivision[]
      /** Port on loopback at which the service itself answers all that is no prediction for `placed`. */
      readonly service: number
      /** By which the service believes what it is told of a caller; see peer.ts. */
      readonly secret: string
      /** Project time where it is simulated, milliseconds. */
      readonly time: number | null
    }
  /** Load what of it is not loaded, and keep it ready. */
  | { readonly kind: 'prepare'; readonly placed: readonly PlacedVersion[] }
  /** Answer by these from now on. */
  | { readonly kind: 'commit'; readonly placed: readonly PlacedVersion[] }
  /** At once, though a version is being loaded: who takes a candidate back does not wait. */
  | ({ readonly kind: 'divide' } & ModelDivision)
  | { readonly kind: 'time'; readonly time: number }
  | { readonly kind: 'load' }
  | { readonly kind: 'metrics' }
  /** Finish what was accepted, and end. */
  /** `lastWordMs`: see `Lifecycle.leave`. */
  | { readonly kind: 'stop'; readonly lastWordMs?: number }

export type ToWorker =
  | { readonly call: number; readonly task: WorkerTask }
  /** With the connection itself. */
  | { readonly connection: number }

/** Requests that a worker has accepted, and those that only shadows still work on. */
export interface WorkerLoad {
  readonly waiting: number
  /** Names of models. */
  readonly shadowing: readonly string[]
}

export type FromWorker =
  | Answered
  /** It has the connection, and has not read of it yet. */
  | { readonly accepted: number }
  /** It was told to stop, and waits for `stop`: no connection comes after that. */
  | { readonly leaving: true }

interface Answered {
  readonly call: number
  /** To `load` a WorkerLoad, to `metrics` what prom-client's `getMetricsAsJSON` gives; to the others nothing. */
  readonly answer?: unknown
  readonly error?: { readonly code: ErrorCode; readonly message: string }
}

/** The pipes of journal lines and of questions about quotas are the file descriptors after the channel's. */
export const JOURNAL_FD = 4
export const QUOTA_FD = 5
