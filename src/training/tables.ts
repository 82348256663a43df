import type { Generated, Kysely, Transaction } from 'kysely'
import type { EventsSchema } from '../platform/events/outbox.ts'
import type { TransferTables } from './transfer/tables.ts'
import type { TraceTables } from './tracking/traces/tables.ts'
import type { WebhookTables } from './tracking/webhooks/tables.ts'

export type LifecycleStage = 'active' | 'deleted'
export type RunStatus = 'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED'
export type LoggedModelStatus = 'LOGGED_MODEL_PENDING' | 'LOGGED_MODEL_READY' | 'LOGGED_MODEL_UPLOAD_FAILED'

interface MetricRow {
  run_id: string
  key: string
  timestamp: number
  step: number
  /** 0 where `is_nan` is 1: SQLite stores no NaN. */
  value: number
  is_nan: 0 | 1
}

/** The tables of the tracking service. Times are milliseconds since 1970. */
export interface TrackingSchema extends EventsSchema, WebhookTables, TraceTables, TransferTables {
  counters: { name: string; value: number }
  experiments: {
    experiment_id: number
    name: string
    artifact_location: string
    lifecycle_stage: LifecycleStage
    creation_time: number
    last_update_time: number
  }
  experiment_tags: { experiment_id: number; key: string; value: string }
  runs: {
    run_id: string
    experiment_id: number
    run_name: string
    user_id: string
    status: RunStatus
    start_time: number
    end_time: number | null
    artifact_uri: string
    lifecycle_stage: LifecycleStage
    /** Rises with every change of the run and of what belongs to it: see `touchRuns`. */
    revision: Generated<number>
  }
  /** The run as JSON, as it was at `revision`. */
  run_documents: { run_id: string; revision: number; document: string }
  run_tags: { run_id: string; key: string; value: string }
  params: { run_id: string; key: string; value: string }
  /** Every point ever logged; the same point twice is one row. */
  metrics: MetricRow
  /** The point of each metric with the greatest (step, timestamp, value): what searches filter and order by. */
  latest_metrics: MetricRow & { experiment_id: number }
  datasets: { dataset_id: string; experiment_id: number; name: string; digest: string; source_type: string; source: string; schema: string | null; profile: string | null }
  /** `context` is the tag mlflow.data.context, which searches ask for; `tags` are all of them, as JSON. */
  run_datasets: { run_id: string; dataset_id: string; context: string | null; tags: string }
  run_models: { run_id: string; model_id: string; kind: 'input' | 'output'; step: number }
  logged_models: {
    model_id: string
    experiment_id: number
    name: string
    artifact_location: string
    creation_time: number
    last_update_time: number
    model_type: string
    source_run_id: string
    status: LoggedModelStatus
    status_message: string | null
    lifecycle_stage: LifecycleStage
  }
  logged_model_tags: { model_id: string; key: string; value: string }
  logged_model_params: { model_id: string; key: string; value: string }
  logged_model_metrics: MetricRow & { model_id: string; dataset_name: string; dataset_digest: string }
  registered_models: { name: string; description: string | null; creation_time: number; last_update_time: number; last_version: number }
  registered_model_tags: { name: string; key: string; value: string }
  model_versions: {
    name: string
    version: number
    source: string
    /** Where the files are: `source`, with `models:/…` followed to what it names. */
    storage_location: string
    run_id: string | null
    model_id: string | null
    run_link: string | null
    description: string | null
    stage: string
    creation_time: number
    last_update_time: number
  }
  model_version_tags: { name: string; version: number; key: string; value: string }
  aliases: { name: string; alias: string; version: number }
  /** Every move of every alias, in order of `seq` within a model; outlives the model itself. `time` is project time. */
  alias_history: {
    name: string
    seq: number
    alias: string
    version: number | null
    previous: number | null
    actor: string
    reason: string
    time: number
    wall_time: number
    kind: 'set' | 'rollback'
    /** Failed checks of the gate that were overridden, as JSON; null where none were. */
    overridden: string | null
  }
  /**
   * The files of a version as they were when it was sealed: `files` is JSON, `location` the key of their folder in the store. Nothing below a location that has a
   * row here is written or deleted.
   */
  model_manifests: { name: string; version: number; location: string; digest: string; files: string; size: number; sealed_at: number }
}

/** A connection outside or inside a transaction. */
export type Queries = Kysely<TrackingSchema> | Transaction<TrackingSchema>
