import type { RunsSummary } from '../../../api/tracking.ts'
import type { TrainingContext } from '../../context.ts'
import { VIEW_TYPE, enumName } from '../../mlflow/fields.ts'
import { type Endpoint, endpoint } from '../../mlflow/routes.ts'
import { parseExperimentId } from '../experiments/service.ts'
import * as schema from './schema.ts'
import { columnsOf, countRuns, groupRuns } from './store.ts'

/** What a table of runs has to know before it has read all runs: MLflow has nothing of the kind. */
export function summaryEndpoints({ db }: TrainingContext): readonly Endpoint[] {
  return [
    endpoint('GET', '/2.0/millrace/runs/summary', schema.summarizeRuns, async ({ experiment_ids = [], filter, run_view_type, group_by, columns }): Promise<RunsSummary> => {
      const search = { experimentIds: experiment_ids.map(parseExperimentId), filter, view: enumName(VIEW_TYPE, run_view_type ?? 'ACTIVE_ONLY') }
      return {
        count: await countRuns(db.kysely, search),
        ...(group_by === undefined || group_by === '' ? {} : { groups: await groupRuns(db.kysely, search, group_by) }),
        ...(columns === true ? { columns: await columnsOf(db.kysely, search) } : {}),
      }
    }),
  ]
}
