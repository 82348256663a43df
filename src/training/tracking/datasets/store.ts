import type { Queries } from '../../tables.ts'

/** As many as MLflow gives. */
const MOST_SUMMARIES = 1000

export interface DatasetSummary {
  readonly experiment_id: string
  readonly name: string
  readonly digest: string
  readonly context?: string
}

/** Each data set once for every context (training, evaluation …) in which a run of the experiments used it. */
export async function summarizeDatasets(db: Queries, experimentIds: readonly number[]): Promise<readonly DatasetSummary[]> {
  const rows = await db
    .selectFrom('datasets')
    .innerJoin('run_datasets', 'run_datasets.dataset_id', 'datasets.dataset_id')
    .select(['datasets.experiment_id', 'datasets.name', 'datasets.digest', 'run_datasets.context'])
    .distinct()
    .where('datasets.experiment_id', 'in', experimentIds)
    .orderBy('datasets.experiment_id')
    .orderBy('datasets.name')
    .orderBy('datasets.digest')
    .orderBy('run_datasets.context')
    .limit(MOST_SUMMARIES)
    .execute()
  return rows.map(({ experiment_id, name, digest, context }) => ({ experiment_id: String(experiment_id), name, digest, ...(context === null ? {} : { context }) }))
}
