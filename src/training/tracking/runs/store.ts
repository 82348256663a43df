import { createHash } from 'node:crypto'
import type { Selectable, Updateable } from 'kysely'
import type { Dataset, KeyValue } from '../../../api/tracking.ts'
import { chunksOf } from '../../store.ts'
import type { Queries, RunStatus, TrackingSchema } from '../../tables.ts'

export type RunRow = Omit<Selectable<TrackingSchema['runs']>, 'revision'>

/** Runs in these states have ended. */
export const ENDED: readonly RunStatus[] = ['FINISHED', 'FAILED', 'KILLED']

/**
 * Every transaction that changes a run, or what belongs to it, calls this first: it locks the runs, and makes what is kept of them outside their tables (documents,
 * histories) out of date.
 */
export async function touchRuns(trx: Queries, runIds: readonly string[]): Promise<void> {
  await trx.updateTable('runs').set((e) => ({ revision: e('revision', '+', 1) })).where('run_id', 'in', runIds).execute()
}

export function findRun(db: Queries, runId: string): Promise<RunRow | undefined> {
  return db.selectFrom('runs').selectAll().where('run_id', '=', runId).executeTakeFirst()
}

export async function updateRun(trx: Queries, runId: string, change: Updateable<TrackingSchema['runs']>): Promise<void> {
  await trx.updateTable('runs').set((e) => ({ ...change, revision: e('revision', '+', 1) })).where('run_id', '=', runId).execute()
}

/** Ends a run that has not ended yet; false for one that has. Of two callers at once one gets true. */
export async function endRun(trx: Queries, runId: string, status: RunStatus): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('runs')
    .set({ status })
    .where('run_id', '=', runId)
    .where('status', 'not in', ENDED)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

export async function upsertTags(trx: Queries, runId: string, tags: readonly KeyValue[]): Promise<void> {
  const ordered = tags.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  for (const chunk of chunksOf(ordered)) {
    await trx
      .insertInto('run_tags')
      .values(chunk.map(({ key, value }) => ({ run_id: runId, key, value })))
      .onConflict((c) => c.columns(['run_id', 'key']).doUpdateSet((e) => ({ value: e.ref('excluded.value') })))
      .execute()
  }
}

export async function findTag(db: Queries, runId: string, key: string): Promise<string | undefined> {
  const row = await db.selectFrom('run_tags').select('value').where('run_id', '=', runId).where('key', '=', key).executeTakeFirst()
  return row?.value
}

export async function deleteTag(trx: Queries, runId: string, key: string): Promise<boolean> {
  const { numDeletedRows } = await trx.deleteFrom('run_tags').where('run_id', '=', runId).where('key', '=', key).executeTakeFirst()
  return numDeletedRows > 0n
}

export interface DatasetUse {
  readonly dataset: Dataset
  readonly tags: readonly KeyValue[]
}

/** MLflow's tag that says what a run used a data set for, such as `training`. */
const CONTEXT_TAG = 'mlflow.data.context'

export async function insertDatasetUse(trx: Queries, run: RunRow, { dataset, tags }: DatasetUse): Promise<void> {
  const id = createHash('sha256').update(JSON.stringify([run.experiment_id, dataset.name, dataset.digest])).digest('hex').slice(0, 32)
  await trx
    .insertInto('datasets')
    .values({ dataset_id: id, experiment_id: run.experiment_id, ...dataset, schema: dataset.schema ?? null, profile: dataset.profile ?? null })
    .onConflict((c) => c.doNothing())
    .execute()
  await trx
    .insertInto('run_datasets')
    .values({ run_id: run.run_id, dataset_id: id, context: tags.find(({ key }) => key === CONTEXT_TAG)?.value ?? null, tags: JSON.stringify(tags) })
    .onConflict((c) => c.doNothing())
    .execute()
}

export async function insertRunModel(trx: Queries, runId: string, modelId: string, kind: 'input' | 'output', step: number): Promise<void> {
  await trx.insertInto('run_models').values({ run_id: runId, model_id: modelId, kind, step }).onConflict((c) => c.doNothing()).execute()
}
