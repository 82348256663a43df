import type { Queries } from '../tables.ts'
import type { Deleted } from './tables.ts'

/** Remembers since when something is deleted, or forgets it when it is back: `millrace gc` goes by that. In the transaction of the change. */
export async function noteDeletion(trx: Queries, kind: Deleted, id: string, stage: 'active' | 'deleted', now: number): Promise<void> {
  if (stage === 'deleted') await trx.insertInto('deletions').values({ kind, id, time: now }).onConflict((c) => c.doNothing()).execute()
  else await trx.deleteFrom('deletions').where('kind', '=', kind).where('id', '=', id).execute()
}

/** The same for all runs of an experiment, which are deleted and restored with it. */
export async function noteRunDeletions(trx: Queries, experimentId: number, stage: 'active' | 'deleted', now: number): Promise<void> {
  if (stage === 'deleted') {
    await trx
      .insertInto('deletions')
      .columns(['kind', 'id', 'time'])
      .expression(
        trx
          .selectFrom('runs')
          .select((e) => [e.val<'run'>('run').as('kind'), 'run_id as id', e.val(now).as('time')])
          .where('experiment_id', '=', experimentId),
      )
      .onConflict((c) => c.doNothing())
      .execute()
    return
  }
  await trx
    .deleteFrom('deletions')
    .where('kind', '=', 'run')
    .where('id', 'in', (q) => q.selectFrom('runs').select('run_id').where('experiment_id', '=', experimentId))
    .execute()
}
