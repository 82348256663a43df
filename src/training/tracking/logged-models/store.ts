import type { Selectable, Updateable } from 'kysely'
import type { KeyValue, LoggedModel } from '../../../api/tracking.ts'
import { groupBy, inChunks } from '../../store.ts'
import type { Queries, TrackingSchema } from '../../tables.ts'
import { type MetricPoint, presentMetric, toRow } from '../runs/metrics.ts'

export type LoggedModelRow = Selectable<TrackingSchema['logged_models']>

export async function insertModel(trx: Queries, row: LoggedModelRow): Promise<void> {
  await trx.insertInto('logged_models').values(row).execute()
}

/** Deleted ones are not found. */
export function findModel(db: Queries, modelId: string): Promise<LoggedModelRow | undefined> {
  return db.selectFrom('logged_models').selectAll().where('model_id', '=', modelId).where('lifecycle_stage', '=', 'active').executeTakeFirst()
}

export async function updateModel(trx: Queries, modelId: string, change: Updateable<TrackingSchema['logged_models']>): Promise<void> {
  await trx.updateTable('logged_models').set(change).where('model_id', '=', modelId).execute()
}

export async function upsertModelPairs(trx: Queries, table: 'logged_model_tags' | 'logged_model_params', modelId: string, pairs: readonly KeyValue[]): Promise<void> {
  for (const { key, value } of pairs.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
    await trx
      .insertInto(table)
      .values({ model_id: modelId, key, value })
      .onConflict((c) => c.columns(['model_id', 'key']).doUpdateSet({ value }))
      .execute()
  }
}

export async function deleteModelTag(trx: Queries, modelId: string, key: string): Promise<boolean> {
  const { numDeletedRows } = await trx.deleteFrom('logged_model_tags').where('model_id', '=', modelId).where('key', '=', key).executeTakeFirst()
  return numDeletedRows > 0n
}

/** Points of a run that were measured on a logged model belong to that model too. A model that does not exist is passed over, as in MLflow. */
export async function insertModelMetrics(trx: Queries, runId: string, points: readonly MetricPoint[]): Promise<void> {
  const measured = points.filter((point) => point.modelId !== undefined)
  if (measured.length === 0) return
  const ids = [...new Set(measured.flatMap(({ modelId }) => modelId ?? []))]
  const known = new Set((await trx.selectFrom('logged_models').select('model_id').where('model_id', 'in', ids).execute()).map((row) => row.model_id))
  for (const point of measured) {
    if (point.modelId === undefined || !known.has(point.modelId)) continue
    await trx
      .insertInto('logged_model_metrics')
      .values({ ...toRow(runId, point), model_id: point.modelId, dataset_name: point.datasetName ?? '', dataset_digest: point.datasetDigest ?? '' })
      .onConflict((c) => c.doNothing())
      .execute()
  }
}

/** Whole models, in the order of `rows`. */
export async function presentModels(db: Queries, rows: readonly LoggedModelRow[]): Promise<readonly LoggedModel[]> {
  const ids = rows.map((row) => row.model_id)
  const byModel = <T extends { model_id: string }>(found: readonly T[]) => groupBy(found, (row) => row.model_id)
  const tags = byModel(await inChunks(ids, (chunk) => db.selectFrom('logged_model_tags').selectAll().where('model_id', 'in', chunk).orderBy('key').execute()))
  const params = byModel(await inChunks(ids, (chunk) => db.selectFrom('logged_model_params').selectAll().where('model_id', 'in', chunk).orderBy('key').execute()))
  const metrics = byModel(
    await inChunks(ids, (chunk) => db.selectFrom('logged_model_metrics').selectAll().where('model_id', 'in', chunk).orderBy('key').orderBy('step').orderBy('timestamp').execute()),
  )
  const pairs = (found: readonly KeyValue[] | undefined) => (found ?? []).map(({ key, value }) => ({ key, value }))
  return rows.map((row): LoggedModel => ({
    info: {
      model_id: row.model_id,
      experiment_id: String(row.experiment_id),
      name: row.name,
      creation_timestamp_ms: row.creation_time,
      last_updated_timestamp_ms: row.last_update_time,
      artifact_uri: row.artifact_location,
      status: row.status,
      model_type: row.model_type,
      source_run_id: row.source_run_id,
      ...(row.status_message === null ? {} : { status_message: row.status_message }),
      tags: pairs(tags.get(row.model_id)),
    },
    data: {
      params: pairs(params.get(row.model_id)),
      metrics: (metrics.get(row.model_id) ?? []).map((metric) => ({
        ...presentMetric(metric),
        model_id: metric.model_id,
        run_id: metric.run_id,
        ...(metric.dataset_name === '' ? {} : { dataset_name: metric.dataset_name }),
        ...(metric.dataset_digest === '' ? {} : { dataset_digest: metric.dataset_digest }),
      })),
    },
  }))
}
