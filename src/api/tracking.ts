/**
 * MLflow's REST messages, as its clients read and write them (protobuf's JSON mapping with snake_case names; int64 as numbers).
 * Fields that have no value are absent. Times are milliseconds since 1970.
 */
import type { GateCheck } from './events.ts'

export type RunStatus = 'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED'
export type LifecycleStage = 'active' | 'deleted'
export type ViewType = 'ACTIVE_ONLY' | 'DELETED_ONLY' | 'ALL'
export type LoggedModelStatus = 'LOGGED_MODEL_PENDING' | 'LOGGED_MODEL_READY' | 'LOGGED_MODEL_UPLOAD_FAILED'

/** A double in protobuf's JSON mapping. */
export type Double = number | 'NaN' | 'Infinity' | '-Infinity'

export interface KeyValue {
  readonly key: string
  readonly value: string
}

export interface Metric {
  readonly key: string
  readonly value: Double
  readonly timestamp: number
  readonly step: number
  readonly model_id?: string
  readonly run_id?: string
  readonly dataset_name?: string
  readonly dataset_digest?: string
}

export interface Experiment {
  readonly experiment_id: string
  readonly name: string
  readonly artifact_location: string
  readonly lifecycle_stage: LifecycleStage
  readonly creation_time: number
  readonly last_update_time: number
  readonly tags: readonly KeyValue[]
}

export interface RunInfo {
  readonly run_id: string
  readonly run_uuid: string
  readonly run_name: string
  readonly experiment_id: string
  readonly user_id: string
  readonly status: RunStatus
  readonly start_time: number
  readonly end_time?: number
  readonly artifact_uri: string
  readonly lifecycle_stage: LifecycleStage
}

export interface Dataset {
  readonly name: string
  readonly digest: string
  readonly source_type: string
  readonly source: string
  readonly schema?: string
  readonly profile?: string
}

export interface DatasetInput {
  readonly tags: readonly KeyValue[]
  readonly dataset: Dataset
}

export interface Run {
  readonly info: RunInfo
  readonly data: { readonly metrics: readonly Metric[]; readonly params: readonly KeyValue[]; readonly tags: readonly KeyValue[] }
  readonly inputs: { readonly dataset_inputs: readonly DatasetInput[]; readonly model_inputs: readonly { readonly model_id: string }[] }
  readonly outputs: { readonly model_outputs: readonly { readonly model_id: string; readonly step: number }[] }
}

export interface LoggedModel {
  readonly info: {
    readonly model_id: string
    readonly experiment_id: string
    readonly name: string
    readonly creation_timestamp_ms: number
    readonly last_updated_timestamp_ms: number
    readonly artifact_uri: string
    readonly status: LoggedModelStatus
    readonly model_type: string
    readonly source_run_id: string
    readonly status_message?: string
    readonly tags: readonly KeyValue[]
  }
  readonly data: { readonly params: readonly KeyValue[]; readonly metrics: readonly Metric[] }
}

export interface ModelVersion {
  readonly name: string
  readonly version: string
  readonly creation_timestamp: number
  readonly last_updated_timestamp: number
  readonly current_stage: string
  readonly description?: string
  readonly source: string
  readonly run_id?: string
  readonly model_id?: string
  readonly run_link?: string
  readonly status: 'READY'
  /** Of the manifest of its files (docs/registry.md); absent where it is not sealed. */
  readonly digest?: string
  readonly tags: readonly KeyValue[]
  readonly aliases: readonly string[]
}

export interface RegisteredModel {
  readonly name: string
  readonly creation_timestamp: number
  readonly last_updated_timestamp: number
  readonly description?: string
  readonly latest_versions: readonly ModelVersion[]
  readonly tags: readonly KeyValue[]
  readonly aliases: readonly { readonly alias: string; readonly version: string }[]
}

export interface FileInfo {
  readonly path: string
  readonly is_dir: boolean
  readonly file_size?: number
}

/** One move of an alias: `GET /api/2.0/millrace/registered-models/alias-history`. */
export interface AliasMove {
  readonly model: string
  readonly seq: number
  readonly alias: string
  /** null when the alias was removed. */
  readonly version: string | null
  readonly previous: string | null
  readonly actor: string
  readonly reason: string
  /** Project time, RFC 3339. */
  readonly time: string
  readonly wall_time: string
  readonly kind: 'set' | 'rollback'
  /** What the gate found wanting and the actor overrode. */
  readonly overridden?: readonly GateCheck[]
}

/** Who moves an alias and why; URL-encoded, so that they may hold any character. */
export const ACTOR_HEADER = 'x-millrace-actor'
export const REASON_HEADER = 'x-millrace-reason'
/** Project time of a request, RFC 3339, where the clock is simulated. */
export const TIME_HEADER = 'x-millrace-time'

/** `GET /api/2.0/millrace/runs/summary`: what a table of runs has to know before it has read them all. */
export interface RunsSummary {
  readonly count: number
  /** With `group_by`: the largest first, a thousand at most. */
  readonly groups?: readonly RunGroup[]
  /** With `columns`: the keys that the latest 500 runs have. */
  readonly columns?: RunColumns
}

export interface RunGroup {
  /** null: runs without a value. */
  readonly value: string | null
  readonly count: number
}

export interface RunColumns {
  readonly metrics: readonly string[]
  readonly params: readonly string[]
  readonly tags: readonly string[]
}
