import type { KeyValue, LoggedModel, LoggedModelStatus } from '../../../api/tracking.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import { hexId } from '../../../platform/ids/index.ts'
import type { TrainingContext } from '../../context.ts'
import { invalid } from '../../mlflow/errors.ts'
import { LIMITS, checkKey, checkLength } from '../../mlflow/limits.ts'
import { noteDeletion } from '../../transfer/deletions.ts'
import type { Queries } from '../../tables.ts'
import { requireActive } from '../experiments/service.ts'
import { randomName } from '../runs/names.ts'
import * as store from './store.ts'

export interface LoggedModelInput {
  readonly experimentId: string
  readonly name: string | undefined
  readonly modelType: string
  readonly sourceRunId: string
  readonly params: readonly KeyValue[]
  readonly tags: readonly KeyValue[]
}

export async function createModel({ db, clock }: TrainingContext, input: LoggedModelInput): Promise<LoggedModel> {
  if (input.name && /[/:.%"']/.test(input.name)) {
    throw invalid(`Invalid model name (${input.name}) provided. Model name must be a non-empty string and cannot contain the following characters: ('/', ':', '.', '%', '"', "'")`)
  }
  checkPairs(input.params, LIMITS.paramValue)
  checkPairs(input.tags, LIMITS.tagValue)
  const modelId = `m-${hexId()}`
  const now = clock.wall().getTime()
  return db.transaction(async (trx) => {
    const experiment = await requireActive(trx, input.experimentId)
    await store.insertModel(trx, {
      model_id: modelId,
      experiment_id: experiment.experiment_id,
      name: input.name || randomName(),
      artifact_location: `${experiment.artifact_location}/models/${modelId}/artifacts`,
      creation_time: now,
      last_update_time: now,
      model_type: input.modelType,
      source_run_id: input.sourceRunId,
      status: 'LOGGED_MODEL_PENDING',
      status_message: null,
      lifecycle_stage: 'active',
    })
    await store.upsertModelPairs(trx, 'logged_model_params', modelId, input.params)
    await store.upsertModelPairs(trx, 'logged_model_tags', modelId, input.tags)
    return presentOne(trx, modelId)
  })
}

export function getModel({ db }: TrainingContext, modelId: string): Promise<LoggedModel> {
  return presentOne(db.kysely, modelId)
}

export async function finalizeModel(context: TrainingContext, modelId: string, status: LoggedModelStatus): Promise<LoggedModel> {
  return change(context, modelId, (trx, now) => store.updateModel(trx, modelId, { status, last_update_time: now }))
}

export async function setModelTags(context: TrainingContext, modelId: string, tags: readonly KeyValue[]): Promise<LoggedModel> {
  checkPairs(tags, LIMITS.tagValue)
  return change(context, modelId, (trx) => store.upsertModelPairs(trx, 'logged_model_tags', modelId, tags))
}

export async function logModelParams(context: TrainingContext, modelId: string, params: readonly KeyValue[]): Promise<void> {
  checkPairs(params, LIMITS.paramValue)
  await change(context, modelId, (trx) => store.upsertModelPairs(trx, 'logged_model_params', modelId, params))
}

export async function deleteModelTag(context: TrainingContext, modelId: string, key: string): Promise<void> {
  await change(context, modelId, async (trx) => {
    if (!(await store.deleteModelTag(trx, modelId, key))) throw new MillraceError('NOT_FOUND', `No tag with key ${key} found for logged model ${modelId}`)
  })
}

export async function deleteModel({ db, clock }: TrainingContext, modelId: string): Promise<void> {
  await db.transaction(async (trx) => {
    await requireModel(trx, modelId)
    const now = clock.wall().getTime()
    await noteDeletion(trx, 'logged_model', modelId, 'deleted', now)
    await store.updateModel(trx, modelId, { lifecycle_stage: 'deleted', last_update_time: now })
  })
}

export async function requireModel(db: Queries, modelId: string): Promise<store.LoggedModelRow> {
  const row = await store.findModel(db, modelId)
  if (row === undefined) throw new MillraceError('NOT_FOUND', `Logged model with ID '${modelId}' not found.`)
  return row
}

async function change({ db, clock }: TrainingContext, modelId: string, work: (trx: Queries, now: number) => Promise<void>): Promise<LoggedModel> {
  return db.transaction(async (trx) => {
    await requireModel(trx, modelId)
    await work(trx, clock.wall().getTime())
    return presentOne(trx, modelId)
  })
}

async function presentOne(db: Queries, modelId: string): Promise<LoggedModel> {
  const [model] = await store.presentModels(db, [await requireModel(db, modelId)])
  if (model === undefined) throw new TypeError('one row in, one model out')
  return model
}

function checkPairs(pairs: readonly KeyValue[], limit: number): void {
  for (const { key, value } of pairs) {
    checkKey(key, 'key')
    checkLength(value, limit, key)
  }
}
