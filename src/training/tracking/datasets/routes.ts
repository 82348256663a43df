import Type from 'typebox'
import type { TrainingContext } from '../../context.ts'
import { invalid } from '../../mlflow/errors.ts'
import { text } from '../../mlflow/fields.ts'
import { type Endpoint, endpoint } from '../../mlflow/routes.ts'
import { parseExperimentId } from '../experiments/service.ts'
import { summarizeDatasets } from './store.ts'

const MOST_EXPERIMENTS = 20

const searchDatasets = Type.Object({ experiment_ids: Type.Optional(Type.Array(text)) })

/** The data sets that the runs of some experiments used. MLflow 3.17 serves it under a path without a slash too, a slip that its page relies on. */
export function datasetEndpoints({ db }: TrainingContext): readonly Endpoint[] {
  return ['/2.0/mlflow/experiments/search-datasets', '/2.0mlflow/experiments/search-datasets'].map((path) =>
    endpoint('POST', path, searchDatasets, async ({ experiment_ids = [] }) => {
      if (experiment_ids.length === 0) throw invalid('SearchDatasets request must specify at least one experiment_id.')
      if (experiment_ids.length > MOST_EXPERIMENTS) {
        throw invalid(`SearchDatasets request cannot specify more than ${MOST_EXPERIMENTS} experiment_ids. Received ${experiment_ids.length} experiment_ids.`)
      }
      return { dataset_summaries: await summarizeDatasets(db.kysely, experiment_ids.map(parseExperimentId)) }
    }),
  )
}
