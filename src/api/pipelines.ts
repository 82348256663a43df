/** `POST /executions`. The same key again answers with the execution that it started before (200 instead of 201). */
export interface ExecutionRequest {
  readonly key: string
  readonly model: string
  readonly reason: string
  /** Commit to run; absent: HEAD of the project's branch. */
  readonly commit?: string
  /** Overrides in params.yaml, dotted: `{"train.shuffle_labels": true}`. */
  readonly params?: Readonly<Record<string, string | number | boolean>>
  /** Stages to run, with what they need; absent: all. */
  readonly targets?: readonly string[]
}

export type ExecutionState = 'queued' | 'running' | 'finished' | 'failed'

export interface Execution {
  readonly execution_id: string
  readonly key: string
  readonly model: string
  readonly reason: string
  readonly state: ExecutionState
  /** The commit that it ran, and the one on `millrace/executions/ID` that holds what it made. */
  readonly commit: string
  readonly result_commit: string | null
  /** Path → DVC hash of each tracked data set it ran on. */
  readonly data: Readonly<Record<string, string>>
  readonly stages: readonly { readonly name: string; readonly state: string; readonly seconds: number | null }[]
  readonly run_id: string | null
  readonly version: string | null
  /** The version that answers already and is the same model, byte for byte: then no new one was registered, and `version` is null. */
  readonly unchanged: string | null
  readonly error: string | null
  readonly created_at: string
  readonly started_at: string | null
  readonly ended_at: string | null
}
