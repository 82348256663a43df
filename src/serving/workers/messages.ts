import type { DeploymentConfig, ProjectConfig } from '../../domain/config.ts'
import type { ErrorCode } from '../../platform/errors/index.ts'
import type { ListenAddress } from '../../platform/service/index.ts'
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

/** What a worker is to do; all but `stop` are answered, in order. */
export type WorkerTask =
  | {
      readonly kind: 'start'
      readonly config: ProjectConfig
      readonly projectFolder: string
      /** The service's own. */
      readonly folder: string
      readonly deployments: readonly DeploymentConfig[]
      readonly placed: readonly PlacedVersion[]
      readonly held: readonly string[]
      readonly address: ListenAddress
      /** Port on loopback at which the service itself answers all that is no prediction for `placed`. */
      readonly service: number
      /** Project time where it is simulated, milliseconds. */
      readonly time: number | null
    }
  /** Load what of it is not loaded, and keep it ready. */
  | { readonly kind: 'prepare'; readonly placed: readonly PlacedVersion[] }
  /** Answer by these from now on. */
  | { readonly kind: 'commit'; readonly placed: readonly PlacedVersion[] }
  /** Names of models whose requests the service answers itself: only one process can count what decides about them. */
  | { readonly kind: 'hold'; readonly held: readonly string[] }
  | { readonly kind: 'time'; readonly time: number }
  | { readonly kind: 'load' }
  | { readonly kind: 'metrics' }
  /** Finish what was accepted, and end. */
  | { readonly kind: 'stop' }

export interface ToWorker {
  readonly call: number
  readonly task: WorkerTask
}

/** Requests that a worker has accepted, and those that only shadows still work on. */
export interface WorkerLoad {
  readonly waiting: number
  /** Names of models. */
  readonly shadowing: readonly string[]
}

export interface FromWorker {
  readonly call: number
  /** To `start` the port, to `load` a WorkerLoad, to `metrics` what prom-client's `getMetricsAsJSON` gives; to the others nothing. */
  readonly answer?: unknown
  readonly error?: { readonly code: ErrorCode; readonly message: string }
}

/** The pipe of journal lines is the file descriptor after the channel's. */
export const JOURNAL_FD = 4
