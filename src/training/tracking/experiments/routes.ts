import type { TrainingContext } from '../../context.ts'
import { VIEW_TYPE, enumName, toInteger, toKeyValues } from '../../mlflow/fields.ts'
import { type Endpoint, endpoint } from '../../mlflow/routes.ts'
import { pageSize } from '../../search/index.ts'
import * as schema from './schema.ts'
import * as service from './service.ts'
import { searchExperiments } from './store.ts'

const STANDARD_PAGE = 1000
const LARGEST_PAGE = 50_000

export function experimentEndpoints(context: TrainingContext): readonly Endpoint[] {
  const path = (name: string) => `/2.0/mlflow/experiments/${name}`
  const search = (method: 'GET' | 'POST') =>
    endpoint(method, path('search'), schema.searchExperiments, async (input) => {
      const { experiments, next } = await searchExperiments(context.db.kysely, {
        filter: input.filter,
        orderBy: input.order_by,
        view: enumName(VIEW_TYPE, input.view_type ?? 'ACTIVE_ONLY'),
        limit: pageSize(input.max_results === undefined ? undefined : toInteger(input.max_results, 'max_results'), STANDARD_PAGE, LARGEST_PAGE),
        token: input.page_token,
      })
      return { experiments, ...(next === undefined ? {} : { next_page_token: next }) }
    })
  return [
    endpoint('POST', path('create'), schema.createExperiment, async ({ name, artifact_location, tags }) => ({
      experiment_id: await service.createExperiment(context, { name, artifactLocation: artifact_location, tags: toKeyValues(tags) }),
    })),
    endpoint('GET', path('get'), schema.experimentId, async ({ experiment_id }) => ({ experiment: await service.getExperiment(context, experiment_id) })),
    endpoint('GET', path('get-by-name'), schema.experimentName, async ({ experiment_name }) => ({
      experiment: await service.getExperimentByName(context, experiment_name),
    })),
    search('GET'),
    search('POST'),
    endpoint('POST', path('update'), schema.updateExperiment, async ({ experiment_id, new_name }) => {
      await service.renameExperiment(context, experiment_id, new_name)
      return {}
    }),
    endpoint('POST', path('delete'), schema.experimentId, async ({ experiment_id }) => {
      await service.setExperimentLifecycle(context, experiment_id, 'deleted')
      return {}
    }),
    endpoint('POST', path('restore'), schema.experimentId, async ({ experiment_id }) => {
      await service.setExperimentLifecycle(context, experiment_id, 'active')
      return {}
    }),
    endpoint('POST', path('set-experiment-tag'), schema.setExperimentTag, async ({ experiment_id, key, value }) => {
      await service.setExperimentTag(context, experiment_id, key, value ?? '')
      return {}
    }),
    endpoint('POST', path('delete-experiment-tag'), schema.deleteExperimentTag, async ({ experiment_id, key }) => {
      await service.deleteExperimentTag(context, experiment_id, key)
      return {}
    }),
  ]
}
