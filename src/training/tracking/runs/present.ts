import type { DatasetInput, KeyValue, Run, RunInfo } from '../../../api/tracking.ts'
import { groupBy, inChunks } from '../../store.ts'
import type { Queries } from '../../tables.ts'
import { presentMetric } from './metrics.ts'
import type { RunRow } from './store.ts'

export function presentInfo(row: RunRow): RunInfo {
  return {
    run_id: row.run_id,
    run_uuid: row.run_id,
    run_name: row.run_name,
    experiment_id: String(row.experiment_id),
    user_id: row.user_id,
    status: row.status,
    start_time: row.start_time,
    ...(row.end_time === null ? {} : { end_time: row.end_time }),
    artifact_uri: row.artifact_uri,
    lifecycle_stage: row.lifecycle_stage,
  }
}

/** Whole runs, in the order of `rows`: one query a table, however many runs there are. */
export async function presentRuns(db: Queries, rows: readonly RunRow[]): Promise<readonly Run[]> {
  const ids = rows.map((row) => row.run_id)
  const byRun = <T extends { run_id: string }>(found: readonly T[]) => groupBy(found, (row) => row.run_id)
  const metrics = byRun(await inChunks(ids, (chunk) => db.selectFrom('latest_metrics').selectAll().where('run_id', 'in', chunk).orderBy('key').execute()))
  const params = byRun(await inChunks(ids, (chunk) => db.selectFrom('params').selectAll().where('run_id', 'in', chunk).orderBy('key').execute()))
  const tags = byRun(await inChunks(ids, (chunk) => db.selectFrom('run_tags').selectAll().where('run_id', 'in', chunk).orderBy('key').execute()))
  const models = byRun(await inChunks(ids, (chunk) => db.selectFrom('run_models').selectAll().where('run_id', 'in', chunk).orderBy('model_id').execute()))
  const datasets = byRun(await inChunks(ids, (chunk) => readDatasets(db, chunk)))
  const pairs = (found: readonly KeyValue[] | undefined) => (found ?? []).map(({ key, value }) => ({ key, value }))
  return rows.map((row): Run => {
    const used = models.get(row.run_id) ?? []
    return {
      info: presentInfo(row),
      data: { metrics: (metrics.get(row.run_id) ?? []).map(presentMetric), params: pairs(params.get(row.run_id)), tags: pairs(tags.get(row.run_id)) },
      inputs: {
        dataset_inputs: (datasets.get(row.run_id) ?? []).map(presentDataset),
        model_inputs: used.filter(({ kind }) => kind === 'input').map(({ model_id }) => ({ model_id })),
      },
      outputs: { model_outputs: used.filter(({ kind }) => kind === 'output').map(({ model_id, step }) => ({ model_id, step })) },
    }
  })
}

type DatasetRow = Awaited<ReturnType<typeof readDatasets>>[number]

function readDatasets(db: Queries, runIds: readonly string[]) {
  return db
    .selectFrom('run_datasets')
    .innerJoin('datasets', 'datasets.dataset_id', 'run_datasets.dataset_id')
    .select(['run_id', 'tags', 'name', 'digest', 'source_type', 'source', 'schema', 'profile'])
    .where('run_id', 'in', runIds)
    .orderBy('name')
    .orderBy('digest')
    .execute()
}

function presentDataset({ tags, name, digest, source_type, source, schema, profile }: DatasetRow): DatasetInput {
  const pairs: readonly KeyValue[] = JSON.parse(tags)
  return {
    tags: pairs,
    dataset: { name, digest, source_type, source, ...(schema === null ? {} : { schema }), ...(profile === null ? {} : { profile }) },
  }
}
