import type { Updateable } from 'kysely'
import type { Queries, TrackingSchema } from '../../../tables.ts'
import type { AssessmentRow } from './present.ts'

/** One by the same id is replaced: a client that tries again means the same one. */
export async function putAssessment(trx: Queries, row: AssessmentRow): Promise<void> {
  await trx
    .insertInto('assessments')
    .values(row)
    .onConflict((c) => c.columns(['trace_id', 'assessment_id']).doUpdateSet(row))
    .execute()
}

export function findAssessment(db: Queries, traceId: string, assessmentId: string): Promise<AssessmentRow | undefined> {
  return db.selectFrom('assessments').selectAll().where('trace_id', '=', traceId).where('assessment_id', '=', assessmentId).executeTakeFirst()
}

/** false where there is none. */
export async function updateAssessment(trx: Queries, traceId: string, assessmentId: string, change: Updateable<TrackingSchema['assessments']>): Promise<boolean> {
  const { numUpdatedRows } = await trx.updateTable('assessments').set(change).where('trace_id', '=', traceId).where('assessment_id', '=', assessmentId).executeTakeFirst()
  return numUpdatedRows > 0n
}

export async function deleteAssessment(trx: Queries, traceId: string, assessmentId: string): Promise<void> {
  await trx.deleteFrom('assessments').where('trace_id', '=', traceId).where('assessment_id', '=', assessmentId).execute()
}
