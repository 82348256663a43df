import Type from 'typebox'
import { VIEW_TYPE, enumeration, int64, keyValues, text } from '../../mlflow/fields.ts'

export const createExperiment = Type.Object({ name: text, artifact_location: Type.Optional(text), tags: keyValues })
export const experimentId = Type.Object({ experiment_id: text })
export const experimentName = Type.Object({ experiment_name: text })
export const updateExperiment = Type.Object({ experiment_id: text, new_name: text })
export const setExperimentTag = Type.Object({ experiment_id: text, key: text, value: Type.Optional(text) })
export const deleteExperimentTag = Type.Object({ experiment_id: text, key: text })
export const searchExperiments = Type.Object({
  filter: Type.Optional(text),
  order_by: Type.Optional(Type.Array(text)),
  view_type: Type.Optional(enumeration(VIEW_TYPE)),
  max_results: Type.Optional(int64),
  page_token: Type.Optional(text),
})
