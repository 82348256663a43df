import Type, { type Static } from 'typebox'
import { LOGGED_MODEL_STATUS, RUN_STATUS, double, enumeration, int64, keyValues, text } from '../mlflow/fields.ts'

const optionalText = Type.Optional(text)
const stage = Type.Union([Type.Literal('active'), Type.Literal('deleted')])
/** A location that stays where it is, in an object store; without it the server chooses a place of its own. */
const keptLocation = Type.Optional(Type.String({ description: 'Location in an object store that is kept; absent: with the server' }))

export const importedExperiment = Type.Object({
  experiment_id: text,
  name: text,
  artifact_location: keptLocation,
  lifecycle_stage: stage,
  creation_time: int64,
  last_update_time: int64,
  tags: keyValues,
})

const datasetInput = Type.Object({
  tags: keyValues,
  dataset: Type.Object({ name: text, digest: text, source_type: text, source: text, schema: optionalText, profile: optionalText }),
})

export const importedRun = Type.Object({
  run_id: Type.String({ pattern: '^[a-zA-Z0-9][\\w-]{0,255}$' }),
  experiment_id: text,
  run_name: text,
  user_id: text,
  status: enumeration(RUN_STATUS),
  start_time: int64,
  end_time: Type.Optional(int64),
  artifact_uri: keptLocation,
  lifecycle_stage: stage,
  params: keyValues,
  tags: keyValues,
  datasets: Type.Optional(Type.Array(datasetInput)),
  models: Type.Optional(Type.Array(Type.Object({ model_id: text, kind: Type.Union([Type.Literal('input'), Type.Literal('output')]), step: int64 }))),
})

const point = Type.Object({ run_id: text, key: text, value: double, timestamp: int64, step: int64 })

export const importedModel = Type.Object({
  model_id: Type.String({ pattern: '^[a-zA-Z0-9][\\w-]{0,255}$' }),
  experiment_id: text,
  name: text,
  artifact_location: keptLocation,
  creation_time: int64,
  last_update_time: int64,
  model_type: text,
  source_run_id: text,
  status: enumeration(LOGGED_MODEL_STATUS),
  status_message: optionalText,
  lifecycle_stage: stage,
  params: keyValues,
  tags: keyValues,
  metrics: Type.Optional(
    Type.Array(Type.Object({ run_id: text, key: text, value: double, timestamp: int64, step: int64, dataset_name: optionalText, dataset_digest: optionalText })),
  ),
})

export const importedRegisteredModel = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 250, pattern: '^[^/:]+$' }),
  description: optionalText,
  creation_time: int64,
  last_update_time: int64,
  tags: keyValues,
})

export const importedVersion = Type.Object({
  name: text,
  version: int64,
  source: text,
  storage_location: text,
  run_id: optionalText,
  model_id: optionalText,
  run_link: optionalText,
  description: optionalText,
  stage: text,
  creation_time: int64,
  last_update_time: int64,
  tags: keyValues,
})

const mark = Type.Object({ kind: text, id: text, fingerprint: text, content: text })

export const experiment = Type.Object({ experiment: importedExperiment })
export const runs = Type.Object({ runs: Type.Array(importedRun, { maxItems: 1000 }) })
export const metrics = Type.Object({ metrics: Type.Array(point, { maxItems: 25_000 }) })
export const models = Type.Object({ models: Type.Array(importedModel, { maxItems: 1000 }) })
export const registered = Type.Object({ model: importedRegisteredModel, versions: Type.Array(importedVersion, { maxItems: 1000 }) })
export const marks = Type.Object({ source: text, marks: Type.Array(mark, { maxItems: 1000 }) })
export const findMarks = Type.Object({ source: text, kind: text, ids: Type.Array(text, { maxItems: 1000 }) })

export type ImportedExperiment = Static<typeof importedExperiment>
export type ImportedRun = Static<typeof importedRun>
export type ImportedPoint = Static<typeof point>
export type ImportedModel = Static<typeof importedModel>
export type ImportedRegisteredModel = Static<typeof importedRegisteredModel>
export type ImportedVersion = Static<typeof importedVersion>
export type Mark = Static<typeof mark>
