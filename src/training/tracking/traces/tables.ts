export type TraceState = 'STATE_UNSPECIFIED' | 'OK' | 'ERROR' | 'IN_PROGRESS'
export type SpanStatus = 'UNSET' | 'OK' | 'ERROR'
export type AssessmentKind = 'feedback' | 'expectation' | 'issue'

/** Times are milliseconds since 1970, unless their names say otherwise. */
export interface TraceTables {
  traces: {
    trace_id: string
    experiment_id: number
    request_time: number
    /** Milliseconds; null while it runs. */
    execution_time: number | null
    state: TraceState
    client_request_id: string | null
    request_preview: string | null
    response_preview: string | null
    /** 1 once a client has said how the whole trace went: from then on spans change nothing of it. */
    finalized: 0 | 1
  }
  trace_tags: { trace_id: string; key: string; value: string }
  trace_metadata: { trace_id: string; key: string; value: string }
  trace_runs: { trace_id: string; run_id: string }
  trace_prompts: { trace_id: string; name: string; version: string }
  spans: {
    trace_id: string
    span_id: string
    parent_id: string | null
    name: string
    type: string
    status: SpanStatus
    /** Microseconds: nanoseconds would not fit a double. `content` has them exactly. */
    start_us: number
    end_us: number | null
    /** The whole span as JSON, its attributes' values each as JSON text (spans.ts). */
    content: string
  }
  assessments: {
    assessment_id: string
    trace_id: string
    span_id: string | null
    name: string
    kind: AssessmentKind
    source_type: string
    source_id: string
    /** As JSON; null where there is an error instead. */
    value: string | null
    /** For comparisons: of true and false 1 and 0; null for what is no number. */
    number: number | null
    error: string | null
    rationale: string | null
    metadata: string
    overrides: string | null
    valid: 0 | 1
    creation_time: number
    last_update_time: number
  }
}
