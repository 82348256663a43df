import Type from 'typebox'
import { LOGGED_MODEL_STATUS, enumeration, int64, keyValues, text } from '../../mlflow/fields.ts'

export const createModel = Type.Object({
  experiment_id: text,
  name: Type.Optional(text),
  model_type: Type.Optional(text),
  source_run_id: Type.Optional(text),
  params: keyValues,
  tags: keyValues,
})
export const modelId = Type.Object({ model_id: text })
export const finalizeModel = Type.Object({ model_id: text, status: enumeration(LOGGED_MODEL_STATUS) })
export const modelTags = Type.Object({ model_id: text, tags: keyValues })
export const modelParams = Type.Object({ model_id: text, params: keyValues })
export const modelTag = Type.Object({ model_id: text, tag_key: text })
export const searchModels = Type.Object({
  experiment_ids: Type.Array(text),
  filter: Type.Optional(text),
  datasets: Type.Optional(Type.Array(Type.Object({ dataset_name: text, dataset_digest: Type.Optional(text) }))),
  max_results: Type.Optional(int64),
  order_by: Type.Optional(
    Type.Array(
      Type.Object({
        field_name: text,
        ascending: Type.Optional(Type.Boolean()),
        dataset_name: Type.Optional(text),
        dataset_digest: Type.Optional(text),
      }),
    ),
  ),
  page_token: Type.Optional(text),
})
