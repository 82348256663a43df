import type { TrainingContext } from '../../context.ts'
import { LOGGED_MODEL_STATUS, enumName, toInteger, toKeyValues } from '../../mlflow/fields.ts'
import { type Endpoint, endpoint } from '../../mlflow/routes.ts'
import { callerOf } from '../../registry/caller.ts'
import { sealVersionsOf } from '../../registry/seal.ts'
import { pageSize } from '../../search/index.ts'
import { parseExperimentId } from '../experiments/service.ts'
import * as schema from './schema.ts'
import { searchModels } from './search.ts'
import * as service from './service.ts'

const STANDARD_PAGE = 100
const LARGEST_PAGE = 1000

export function loggedModelEndpoints(context: TrainingContext): readonly Endpoint[] {
  const all = '/2.0/mlflow/logged-models'
  const one = `${all}/:model_id`
  return [
    endpoint('POST', all, schema.createModel, async ({ experiment_id, name, model_type, source_run_id, params, tags }) => ({
      model: await service.createModel(context, {
        experimentId: experiment_id,
        name,
        modelType: model_type ?? '',
        sourceRunId: source_run_id ?? '',
        params: toKeyValues(params),
        tags: toKeyValues(tags),
      }),
    })),
    endpoint('POST', `${all}/search`, schema.searchModels, async (input) => {
      const { models, next } = await searchModels(context.db.kysely, {
        experimentIds: input.experiment_ids.map(parseExperimentId),
        filter: input.filter,
        datasets: input.datasets ?? [],
        orderBy: input.order_by ?? [],
        limit: pageSize(input.max_results === undefined ? undefined : toInteger(input.max_results, 'max_results'), STANDARD_PAGE, LARGEST_PAGE),
        token: input.page_token,
      })
      return { models, ...(next === undefined ? {} : { next_page_token: next }) }
    }),
    endpoint('GET', one, schema.modelId, async ({ model_id }) => ({ model: await service.getModel(context, model_id) })),
    endpoint('PATCH', one, schema.finalizeModel, async ({ model_id, status }, request) => {
      const model = await service.finalizeModel(context, model_id, enumName(LOGGED_MODEL_STATUS, status))
      // Versions that were registered before the model was ready have their files from now on.
      if (model.info.status === 'LOGGED_MODEL_READY') await sealVersionsOf(context, model_id, callerOf(request, context.clock))
      return { model }
    }),
    endpoint('DELETE', one, schema.modelId, async ({ model_id }) => {
      await service.deleteModel(context, model_id)
      return {}
    }),
    endpoint('PATCH', `${one}/tags`, schema.modelTags, async ({ model_id, tags }) => ({ model: await service.setModelTags(context, model_id, toKeyValues(tags)) })),
    endpoint('DELETE', `${one}/tags/:tag_key`, schema.modelTag, async ({ model_id, tag_key }) => {
      await service.deleteModelTag(context, model_id, tag_key)
      return {}
    }),
    endpoint('POST', `${one}/params`, schema.modelParams, async ({ model_id, params }) => {
      await service.logModelParams(context, model_id, toKeyValues(params))
      return {}
    }),
  ]
}
