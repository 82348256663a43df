import type { Static } from 'typebox'
import { MillraceError } from '../../../../platform/errors/index.ts'
import { hexId } from '../../../../platform/ids/index.ts'
import type { TrainingContext } from '../../../context.ts'
import { invalid } from '../../../mlflow/errors.ts'
import { LIMITS, checkLength } from '../../../mlflow/limits.ts'
import type { Queries } from '../../../tables.ts'
import { SOURCE_TYPE, type assessment } from '../schema.ts'
import { requireTrace } from '../store.ts'
import { fromTimestamp } from '../time.ts'
import { type AssessmentRow, presentAssessment } from './present.ts'
import * as store from './store.ts'

export type AssessmentInput = Static<typeof assessment>

const LONGEST_NAME = 250
const LARGEST_VALUE = 1_000_000

/** One that overrides another makes that one invalid. */
export async function createAssessment({ db, clock }: TrainingContext, traceId: string, input: AssessmentInput): Promise<object> {
  const row = toRow(traceId, input, clock.wall().getTime())
  await db.transaction(async (trx) => {
    await requireTrace(trx, traceId)
    await insertAssessment(trx, row)
  })
  return presentAssessment(row)
}

export async function insertAssessment(trx: Queries, row: AssessmentRow): Promise<void> {
  if (row.overrides !== null && !(await store.updateAssessment(trx, row.trace_id, row.overrides, { valid: 0 }))) {
    throw new MillraceError('NOT_FOUND', `Assessment with ID '${row.overrides}' not found for trace '${row.trace_id}'`)
  }
  await store.putAssessment(trx, row)
}

export async function getAssessment({ db }: TrainingContext, traceId: string, assessmentId: string): Promise<object> {
  return presentAssessment(await requireAssessment(db.kysely, traceId, assessmentId))
}

/** Of `paths` of the mask: assessment_name, expectation, feedback, rationale, metadata (merged), in either of protobuf's cases. Source and span stay. */
export async function updateAssessment({ db, clock }: TrainingContext, traceId: string, assessmentId: string, input: AssessmentInput, mask: string): Promise<object> {
  const paths = mask.split(',').map((path) => path.trim().replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
  return db.transaction(async (trx) => {
    const row = await requireAssessment(trx, traceId, assessmentId)
    for (const kind of ['expectation', 'feedback'] as const) {
      if (paths.includes(kind) && row.kind !== kind) throw invalid(`Cannot update ${kind} value on ${row.kind === 'expectation' ? 'an Expectation' : 'a Feedback'} assessment.`)
    }
    const before: Readonly<Record<string, string>> = JSON.parse(row.metadata)
    await store.updateAssessment(trx, traceId, assessmentId, {
      ...(paths.includes('assessment_name') && input.assessment_name ? { name: checkName(input.assessment_name) } : {}),
      ...(paths.includes('expectation') || paths.includes('feedback') ? valueOf(input) : {}),
      ...(paths.includes('rationale') ? { rationale: input.rationale ?? null } : {}),
      ...(paths.includes('metadata') ? { metadata: JSON.stringify({ ...before, ...input.metadata }) } : {}),
      last_update_time: clock.wall().getTime(),
    })
    return presentAssessment(await requireAssessment(trx, traceId, assessmentId))
  })
}

/** What it overrode is valid again. Deleting what is not there is no error, as in MLflow. */
export async function deleteAssessment({ db }: TrainingContext, traceId: string, assessmentId: string): Promise<void> {
  await db.transaction(async (trx) => {
    await requireTrace(trx, traceId)
    const row = await store.findAssessment(trx, traceId, assessmentId)
    if (row === undefined) return
    if (row.overrides !== null) await store.updateAssessment(trx, traceId, row.overrides, { valid: 1 })
    await store.deleteAssessment(trx, traceId, assessmentId)
  })
}

async function requireAssessment(db: Queries, traceId: string, assessmentId: string): Promise<AssessmentRow> {
  await requireTrace(db, traceId)
  const row = await store.findAssessment(db, traceId, assessmentId)
  if (row === undefined) throw new MillraceError('NOT_FOUND', `Assessment with ID '${assessmentId}' not found for trace '${traceId}'`)
  return row
}

/** `now` stands for times that the request leaves out. */
export function toRow(traceId: string, input: AssessmentInput, now: number): AssessmentRow {
  const { expectation, feedback, issue } = input
  const kind = expectation !== undefined ? 'expectation' : feedback !== undefined ? 'feedback' : issue !== undefined ? 'issue' : undefined
  if (kind === undefined) throw invalid('Assessment must have exactly one of feedback, expectation or issue')
  const created = input.create_time === undefined ? now : fromTimestamp(input.create_time, 'assessment.create_time')
  return {
    assessment_id: input.assessment_id || `a-${hexId()}`,
    trace_id: traceId,
    span_id: input.span_id || null,
    name: checkName(input.assessment_name ?? ''),
    kind,
    source_type: sourceType(input.source?.source_type),
    source_id: input.source?.source_id ?? '',
    ...valueOf(input),
    rationale: input.rationale ?? null,
    metadata: JSON.stringify(input.metadata ?? {}),
    overrides: input.overrides || null,
    valid: input.valid === false ? 0 : 1,
    creation_time: created,
    last_update_time: input.last_update_time === undefined ? created : fromTimestamp(input.last_update_time, 'assessment.last_update_time'),
  }
}

function valueOf({ expectation, feedback }: AssessmentInput): Pick<AssessmentRow, 'value' | 'number' | 'error'> {
  const serialized = expectation?.serialized_value?.value
  const value = serialized === undefined ? (expectation?.value ?? feedback?.value) : parseJson(serialized)
  const text = value === undefined ? null : JSON.stringify(value)
  if (text !== null) checkLength(text, LARGEST_VALUE, 'assessment.value')
  const number = typeof value === 'number' ? value : typeof value === 'boolean' ? Number(value) : null
  return { value: text, number, error: feedback?.error === undefined ? null : JSON.stringify(feedback.error) }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new MillraceError('BAD_REQUEST', "Invalid value for parameter 'assessment.expectation.serialized_value' supplied: expected JSON", { cause: error })
  }
}

function sourceType(given: string | number | undefined): string {
  const known = Object.entries(SOURCE_TYPE).find(([name, number]) => name === given || number === given)
  return known?.[0] ?? 'SOURCE_TYPE_UNSPECIFIED'
}

function checkName(name: string): string {
  if (name === '') throw invalid("Missing value for required parameter 'assessment.assessment_name'.")
  checkLength(name, Math.min(LONGEST_NAME, LIMITS.key), 'assessment.assessment_name')
  return name
}
