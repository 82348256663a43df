import type { GateCheck } from './events.ts'

/** `POST /labels`: the truth about earlier predictions. Idempotent by request_id and row: the same again changes nothing, another value is 409. */
export interface LabelsRequest {
  readonly labels: readonly {
    readonly request_id: string
    readonly row?: number
    /** 0 or 1 for a binary classifier. */
    readonly label: number
    /** When the truth was known, project time, RFC 3339. */
    readonly time?: string
  }[]
}

/** 200 once all are on disk. A label whose request is not known yet is kept as `pending` (the journal may be behind) and counted. */
export interface LabelsResponse {
  readonly accepted: number
  readonly duplicates: number
  readonly pending: number
}

export interface DriftColumn {
  readonly column: string
  readonly kind: 'numeric' | 'categorical' | 'prediction'
  readonly method: string
  readonly score: number | null
  readonly threshold: number
  readonly drifted: boolean
  readonly missing_share: number
}

export interface Performance {
  readonly version: string
  readonly alias: string
  readonly rows: number
  readonly labelled: number
  /** null where it is not defined: one class only, no labels. */
  readonly auc: number | null
  readonly log_loss: number | null
  readonly ece: number | null
  readonly base_rate: number | null
}

/** `GET /reports?model=M`, `GET /reports/ID`. */
export interface Report {
  readonly report_id: string
  readonly model: string
  readonly window: { readonly start: string; readonly end: string }
  readonly rows: number
  /** The version that answered most, whose training data the window is compared with; null where nothing was answered. */
  readonly reference_version: string | null
  /** Labels that arrive later no longer change it. */
  readonly final: boolean
  readonly drift: { readonly columns: readonly DriftColumn[]; readonly share: number; readonly drifted: boolean }
  /** By alias: the one that answered and each shadow. Recomputed as labels arrive, until the window is final. */
  readonly performance: readonly Performance[]
  readonly label_coverage: number
}

/** `GET /performance?model=M&by=month|week|day`: every alias on the same labelled rows (those that all of `aliases` predicted). */
export interface PerformanceSeries {
  readonly model: string
  readonly aliases: readonly string[]
  readonly points: readonly {
    readonly start: string
    readonly end: string
    readonly rows: number
    readonly by_alias: Readonly<Record<string, { auc: number | null; log_loss: number | null; ece: number | null; versions: readonly string[] }>>
  }[]
}

/** `GET /drift?model=M`: a heat map of columns over windows. */
export interface DriftSeries {
  readonly model: string
  readonly windows: readonly { readonly report_id: string; readonly start: string; readonly end: string; readonly rows: number; readonly share: number; readonly drifted: boolean }[]
  /** One entry a column; `cells` in the order of `windows`, null where the window's report does not know the column. */
  readonly columns: readonly {
    readonly column: string
    readonly kind: DriftColumn['kind']
    readonly cells: readonly (Pick<DriftColumn, 'method' | 'score' | 'threshold' | 'drifted' | 'missing_share'> | null)[]
  }[]
}

/** `GET /labels/pending?limit=N`: labels whose request is not known, oldest first, and how many there are in all. */
export interface PendingLabels {
  readonly count: number
  readonly labels: readonly { readonly request_id: string; readonly row: number; readonly label: number; readonly time: string }[]
}

export type CandidateState = 'executing' | 'gating' | 'shadowing' | 'promoted' | 'refused' | 'failed' | 'unchanged'

/** `GET /candidates?model=M`, newest first; `POST /candidates {model, version}` submits a registered version to the gate. */
export interface Candidate {
  readonly candidate_id: string
  readonly model: string
  /** null while it is being made, and for ever where none came of it (`failed`; `unchanged`: the model was that of the version that answers). */
  readonly version: string | null
  readonly execution_id: string | null
  /** Why it was made: `drift`, `degraded`, `schedule`, `submitted`. */
  readonly reason: string
  readonly state: CandidateState
  readonly requested_at: string
  readonly shadow_until: string | null
  readonly decided_at: string | null
  readonly gates: readonly { readonly gate: 'candidate' | 'promotion'; readonly passed: boolean; readonly checks: readonly GateCheck[] }[]
}
