import Type, { type Static } from 'typebox'
import { int64, text } from '../mlflow/fields.ts'

const ids = Type.Optional(Type.Array(text, { maxItems: 1000 }))
const which = {
  older_than: Type.Optional({ ...int64, description: 'Milliseconds since the deletion, at least' }),
  run_ids: ids,
  logged_model_ids: ids,
  experiment_ids: ids,
}

export const selection = Type.Object(which)
export const plan = Type.Object({ ...which, page_token: Type.Optional(text) })

export type Selection = Static<typeof selection>
