import Type from 'typebox'
import { int64, keyValues, text } from '../mlflow/fields.ts'

const search = {
  filter: Type.Optional(text),
  max_results: Type.Optional(int64),
  order_by: Type.Optional(Type.Array(text)),
  page_token: Type.Optional(text),
}
/** A version is a number that travels as a string. */
const version = Type.Union([text, Type.Integer()])

export const createModel = Type.Object({ name: text, tags: keyValues, description: Type.Optional(text) })
export const modelName = Type.Object({ name: text })
export const renameModel = Type.Object({ name: text, new_name: text })
export const updateModel = Type.Object({ name: text, description: Type.Optional(text) })
export const searchModels = Type.Object(search)
export const modelTag = Type.Object({ name: text, key: text, value: Type.Optional(text) })
export const latestVersions = Type.Object({ name: text, stages: Type.Optional(Type.Array(text)) })

export const createVersion = Type.Object({
  name: text,
  source: text,
  run_id: Type.Optional(text),
  tags: keyValues,
  run_link: Type.Optional(text),
  description: Type.Optional(text),
  model_id: Type.Optional(text),
})
export const versionName = Type.Object({ name: text, version })
export const updateVersion = Type.Object({ name: text, version, description: Type.Optional(text) })
export const transitionStage = Type.Object({ name: text, version, stage: text, archive_existing_versions: Type.Optional(Type.Boolean()) })
export const searchVersions = Type.Object(search)
export const versionTag = Type.Object({ name: text, version, key: text, value: Type.Optional(text) })

export const alias = Type.Object({ name: text, alias: text })
export const setAlias = Type.Object({
  name: text,
  alias: text,
  version,
  expected_version: Type.Optional(Type.Union([text, Type.Integer()], { description: 'Move only if the alias is at this version now; empty: only if there is no such alias' })),
  override_gate: Type.Optional(Type.Boolean({ description: 'Go on though a gate refuses; x-millrace-reason must say why, and the history keeps it' })),
})
export const deleteAlias = Type.Object({ name: text, alias: text, expected_version: Type.Optional(version) })
export const aliasHistory = Type.Object({ name: text, alias: Type.Optional(text) })
export const championAt = Type.Object({ name: text, alias: Type.Optional(text), time: Type.Optional(text) })

export const rollback = Type.Object({
  name: text,
  alias: Type.Optional(text),
  expected_version: Type.Optional(Type.Union([text, Type.Integer()], { description: 'Go back only if the alias is at this version now' })),
  to_version: Type.Optional(Type.Union([text, Type.Integer()], { description: 'A version that held the alias before; else the last that did' })),
})
export const diff = Type.Object({ name: text, version, other_name: Type.Optional(text), other_version: version })
export const gateOutcome = Type.Object({ name: text, version, alias: Type.Optional(text) })
