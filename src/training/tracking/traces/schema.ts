import Type from 'typebox'
import { enumeration, int64, keyValues, text } from '../../mlflow/fields.ts'

export const TRACE_STATE = { STATE_UNSPECIFIED: 0, OK: 1, ERROR: 2, IN_PROGRESS: 3 } as const
export const TRACE_STATUS = { TRACE_STATUS_UNSPECIFIED: 0, OK: 1, ERROR: 2, IN_PROGRESS: 3 } as const
export const SOURCE_TYPE = { SOURCE_TYPE_UNSPECIFIED: 0, HUMAN: 1, LLM_JUDGE: 2, CODE: 3 } as const

const optional = Type.Optional(text)
const map = Type.Optional(Type.Record(text, text))
const experiment = Type.Object({ experiment_id: text })
/** Other kinds of locations are Databricks' and lead nowhere here. */
const location = Type.Object({ mlflow_experiment: Type.Optional(experiment) })
const error = Type.Object({ error_code: optional, error_message: optional, stack_trace: optional })

export const assessment = Type.Object({
  assessment_id: optional,
  assessment_name: optional,
  trace_id: optional,
  span_id: optional,
  source: Type.Optional(Type.Object({ source_type: Type.Optional(Type.Union([text, Type.Integer()])), source_id: optional })),
  create_time: optional,
  last_update_time: optional,
  feedback: Type.Optional(Type.Object({ value: Type.Optional(Type.Unknown()), error: Type.Optional(error) })),
  expectation: Type.Optional(
    Type.Object({
      value: Type.Optional(Type.Unknown()),
      serialized_value: Type.Optional(Type.Object({ serialization_format: optional, value: optional })),
    }),
  ),
  issue: Type.Optional(Type.Object({ issue_name: optional })),
  rationale: optional,
  error: Type.Optional(error),
  metadata: map,
  overrides: optional,
  valid: Type.Optional(Type.Boolean()),
})

const traceInfo = Type.Object({
  trace_id: text,
  client_request_id: optional,
  trace_location: location,
  request_preview: optional,
  response_preview: optional,
  request_time: text,
  execution_duration: optional,
  state: Type.Optional(enumeration(TRACE_STATE)),
  trace_metadata: map,
  assessments: Type.Optional(Type.Array(assessment)),
  tags: map,
})

export const startTrace = Type.Object({ trace: Type.Object({ trace_info: traceInfo }) })
export const traceId = Type.Object({ trace_id: text })
export const getTrace = Type.Object({ trace_id: text, allow_partial: Type.Optional(Type.Boolean()) })
export const batchGet = Type.Object({ trace_ids: Type.Array(text), experiment_ids: Type.Optional(Type.Array(text)) })
export const searchTraces = Type.Object({
  locations: Type.Array(location),
  filter: optional,
  max_results: Type.Optional(int64),
  order_by: Type.Optional(Type.Array(text)),
  page_token: optional,
})
export const deleteTraces = Type.Object({
  experiment_id: text,
  max_timestamp_millis: Type.Optional(int64),
  max_traces: Type.Optional(int64),
  request_ids: Type.Optional(Type.Array(text)),
})
export const setTag = Type.Object({ trace_id: text, key: text, value: optional })
export const deleteTag = Type.Object({ trace_id: text, key: text })
export const linkToRun = Type.Object({ trace_ids: Type.Array(text), run_id: text })
export const linkPrompts = Type.Object({ trace_id: text, prompt_versions: Type.Array(Type.Object({ name: text, version: Type.Union([text, Type.Integer()]) })) })
export const createAssessment = Type.Object({ trace_id: text, assessment })
export const assessmentId = Type.Object({ trace_id: text, assessment_id: text })
/** The mask comes as protobuf's JSON writes one: `feedback,rationale`. */
export const updateAssessment = Type.Object({ trace_id: text, assessment_id: text, assessment, update_mask: text })
export const correlation = Type.Object({ experiment_ids: Type.Array(text), filter_string1: text, filter_string2: text, base_filter: optional })
export const traceFile = Type.Object({ request_id: optional, path: optional })

/** MLflow 2's form of the same. */
export const startTraceV2 = Type.Object({ experiment_id: text, timestamp_ms: int64, request_metadata: keyValues, tags: keyValues })
export const endTraceV2 = Type.Object({ request_id: text, timestamp_ms: int64, status: enumeration(TRACE_STATUS), request_metadata: keyValues, tags: keyValues })
export const requestId = Type.Object({ request_id: text })
export const setTagV2 = Type.Object({ request_id: text, key: text, value: optional })
export const deleteTagV2 = Type.Object({ request_id: text, key: text })
export const searchTracesV2 = Type.Object({
  experiment_ids: Type.Array(text),
  filter: optional,
  max_results: Type.Optional(int64),
  order_by: Type.Optional(Type.Array(text)),
  page_token: optional,
})
