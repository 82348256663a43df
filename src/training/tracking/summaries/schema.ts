import Type from 'typebox'
import { VIEW_TYPE, enumeration, text } from '../../mlflow/fields.ts'

export const summarizeRuns = Type.Object({
  experiment_ids: Type.Optional(Type.Array(text)),
  filter: Type.Optional(text),
  run_view_type: Type.Optional(enumeration(VIEW_TYPE)),
  group_by: Type.Optional(Type.String({ description: 'A param, a tag, or one of the attributes status and user_id, as in a filter: how many runs have which value of it' })),
  columns: Type.Optional(Type.Boolean({ description: 'Which metrics, params and tags the latest runs have' })),
})
