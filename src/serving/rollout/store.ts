import type { Kysely, Transaction } from 'kysely'
import type { Arm } from '../../api/rollouts.ts'
import type { ServingSchema } from '../routing/store.ts'
import { type Delta, EXPOSURES } from './counts.ts'

export type ProgressRow = ServingSchema['rollout_progress']

export function readProgress(db: Kysely<ServingSchema>, model: string): Promise<ProgressRow | undefined> {
  return db.selectFrom('rollout_progress').selectAll().where('model', '=', model).executeTakeFirst()
}

/** Puts a new rollout in the place of the model's last one. False, and nothing is changed, where that is no longer the one of `revision`. */
export async function replaceProgress(trx: Transaction<ServingSchema>, row: ProgressRow, previous: ProgressRow | undefined): Promise<boolean> {
  if (previous) {
    const { numUpdatedRows } = await trx.updateTable('rollout_progress').set(row).where('model', '=', row.model).where('revision', '=', previous.revision).executeTakeFirst()
    if (numUpdatedRows === 0n) return false
    await trx.deleteFrom('rollout_counts').where('rollout_id', '=', previous.rollout_id).execute()
    return true
  }
  const { numInsertedOrUpdatedRows = 0n } = await trx.insertInto('rollout_progress').values(row).onConflict((c) => c.doNothing()).executeTakeFirst()
  return numInsertedOrUpdatedRows > 0n
}

/** False where the row is no longer the one of `revision`. */
export async function updateProgress(trx: Transaction<ServingSchema>, { model, revision }: ProgressRow, change: Partial<ProgressRow>): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('rollout_progress')
    .set({ ...change, revision: revision + 1 })
    .where('model', '=', model)
    .where('revision', '=', revision)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

type StepKey = Pick<ProgressRow, 'rollout_id' | 'step'>

export async function addCounts(trx: Transaction<ServingSchema>, { rollout_id, step }: StepKey, deltas: readonly Delta[]): Promise<void> {
  for (const { arm, counter, count } of deltas) {
    await trx
      .insertInto('rollout_counts')
      .values({ rollout_id, step, arm, counter, count })
      .onConflict((c) => c.columns(['rollout_id', 'step', 'arm', 'counter']).doUpdateSet((e) => ({ count: e('rollout_counts.count', '+', count) })))
      .execute()
  }
}

export function readCounts(db: Kysely<ServingSchema>, { rollout_id, step }: StepKey): Promise<{ arm: Arm; counter: number; count: number }[]> {
  return db.selectFrom('rollout_counts').select(['arm', 'counter', 'count']).where('rollout_id', '=', rollout_id).where('step', '=', step).execute()
}

/** Requests assigned by weight in the steps before the present one. */
export async function readExposures(db: Kysely<ServingSchema>, { rollout_id, step }: StepKey): Promise<Record<Arm, number>> {
  const rows = await db
    .selectFrom('rollout_counts')
    .select((e) => ['arm', e.fn.sum<number>('count').as('count')])
    .where('rollout_id', '=', rollout_id)
    .where('counter', '=', EXPOSURES)
    .where('step', '!=', step)
    .groupBy('arm')
    .execute()
  const of = (arm: Arm) => Number(rows.find((row) => row.arm === arm)?.count ?? 0)
  return { champion: of('champion'), candidate: of('candidate') }
}
