import type { Selectable } from 'kysely'
import type { TrackingSchema } from '../../../tables.ts'
import { toTimestamp } from '../time.ts'

export type AssessmentRow = Selectable<TrackingSchema['assessments']>

/** mlflow.assessments.Assessment in JSON. */
export function presentAssessment(row: AssessmentRow): object {
  const metadata: Readonly<Record<string, string>> = JSON.parse(row.metadata)
  const value: unknown = row.value === null ? undefined : JSON.parse(row.value)
  const error: unknown = row.error === null ? undefined : JSON.parse(row.error)
  return {
    assessment_id: row.assessment_id,
    assessment_name: row.name,
    trace_id: row.trace_id,
    ...(row.span_id === null ? {} : { span_id: row.span_id }),
    source: { source_type: row.source_type, source_id: row.source_id },
    create_time: toTimestamp(row.creation_time),
    last_update_time: toTimestamp(row.last_update_time),
    ...kindOf(row, value, error),
    ...(row.rationale === null ? {} : { rationale: row.rationale }),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(row.overrides === null ? {} : { overrides: row.overrides }),
    valid: row.valid === 1,
  }
}

function kindOf({ kind, name }: AssessmentRow, value: unknown, error: unknown): object {
  switch (kind) {
    case 'feedback':
      return { feedback: { ...(value === undefined ? {} : { value }), ...(error === undefined ? {} : { error }) } }
    case 'expectation':
      // What protobuf's Value cannot hold as MLflow's clients want it comes as JSON text.
      return { expectation: typeof value === 'object' && value !== null ? { serialized_value: { serialization_format: 'JSON_FORMAT', value: JSON.stringify(value) } } : { value } }
    case 'issue':
      return { issue: { issue_name: name } }
  }
}
