import type { DatasetInput, KeyValue, Run, RunInfo } from '../../../api/tracking.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import { hexId } from '../../../platform/ids/index.ts'
import type { TrainingContext } from '../../context.ts'
import { invalid } from '../../mlflow/errors.ts'
import { LIMITS, checkBatch, checkKey, checkLength } from '../../mlflow/limits.ts'
import type { Queries, RunStatus } from '../../tables.ts'
import { requireActive } from '../experiments/service.ts'
import { insertModelMetrics } from '../logged-models/store.ts'
import { emitRunFinished } from './events.ts'
import { type MetricPoint, insertMetrics } from './metrics.ts'
import { randomName } from './names.ts'
import { presentInfo, presentRuns } from './present.ts'
import * as store from './store.ts'

/** Run names are a column and this tag at once. */
const NAME_TAG = 'mlflow.runName'

export interface RunInput {
  readonly experimentId: string
  readonly userId: string
  readonly name: string | undefined
  readonly startTime: number | undefined
  readonly tags: readonly KeyValue[]
}

export async function createRun({ db, clock }: TrainingContext, input: RunInput): Promise<Run> {
  checkTags(input.tags, 'tags')
  const tagged = input.tags.find(({ key }) => key === NAME_TAG)?.value
  if (input.name && tagged && input.name !== tagged) {
    throw invalid(`Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='${input.name}', mlflow.runName='${tagged}').`)
  }
  const name = input.name || tagged || randomName()
  const runId = hexId()
  return db.transaction(async (trx) => {
    const experiment = await requireActive(trx, input.experimentId)
    const row: store.RunRow = {
      run_id: runId,
      experiment_id: experiment.experiment_id,
      run_name: name,
      user_id: input.userId,
      status: 'RUNNING',
      start_time: input.startTime ?? clock.wall().getTime(),
      end_time: null,
      artifact_uri: `${experiment.artifact_location}/${runId}/artifacts`,
      lifecycle_stage: 'active',
    }
    await store.insertRun(trx, row)
    await store.upsertTags(trx, runId, [...input.tags.filter(({ key }) => key !== NAME_TAG), { key: NAME_TAG, value: name }])
    return presentOne(trx, row)
  })
}

/** Deleted ones too. */
export async function getRun({ db }: TrainingContext, runId: string): Promise<Run> {
  return presentOne(db.kysely, await requireRun(db.kysely, runId))
}

export interface RunChange {
  readonly status: RunStatus | undefined
  readonly endTime: number | undefined
  readonly name: string | undefined
}

/** Emits run.finished when the run ends; telling a second time that it has ended changes nothing and tells nobody. */
export async function updateRun({ db, outbox }: TrainingContext, runId: string, { status, endTime, name }: RunChange): Promise<RunInfo> {
  return db.transaction(async (trx) => {
    await requireActiveRun(trx, runId)
    const ends = status !== undefined && store.ENDED.includes(status)
    const ended = ends && (await store.endRun(trx, runId, status))
    await store.updateRun(trx, runId, {
      ...(status === undefined ? {} : { status }),
      ...(endTime === undefined ? {} : { end_time: endTime }),
      ...(name ? { run_name: name } : {}),
    })
    if (name) await store.upsertTags(trx, runId, [{ key: NAME_TAG, value: name }])
    const run = await requireRun(trx, runId)
    if (ended) await emitRunFinished(trx, outbox, run)
    return presentInfo(run)
  })
}

export async function setRunLifecycle({ db }: TrainingContext, runId: string, stage: 'active' | 'deleted'): Promise<void> {
  await db.transaction(async (trx) => {
    await requireRun(trx, runId)
    await store.updateRun(trx, runId, { lifecycle_stage: stage })
  })
}

export interface Batch {
  readonly metrics: readonly MetricPoint[]
  readonly params: readonly KeyValue[]
  readonly tags: readonly KeyValue[]
}

/** All of it or nothing. */
export async function logBatch({ db }: TrainingContext, runId: string, batch: Batch): Promise<void> {
  const { metrics, params, tags } = batch
  checkBatch('metrics', metrics.length, LIMITS.metricsInBatch)
  checkBatch('params', params.length, LIMITS.paramsInBatch)
  checkBatch('tags', tags.length, LIMITS.tagsInBatch)
  checkBatch('metrics, params, and tags', metrics.length + params.length + tags.length, LIMITS.entitiesInBatch)
  for (const [i, metric] of metrics.entries()) checkMetric(metric, `metrics[${i}]`)
  for (const [i, { key, value }] of params.entries()) {
    checkKey(key, `params[${i}].key`)
    checkLength(value, LIMITS.paramValue, `params[${i}].value`)
  }
  checkTags(tags, 'tags')
  const keys = params.map(({ key }) => key)
  const repeated = keys.filter((key, i) => keys.indexOf(key) !== i)
  if (repeated.length > 0) {
    throw invalid(`Duplicate parameter keys have been submitted: ${JSON.stringify(repeated)}. Please ensure the request contains only one param value per param key.`)
  }
  await db.transaction(async (trx) => {
    const run = await requireActiveRun(trx, runId)
    const changed = await store.insertParams(trx, runId, params)
    if (changed.length > 0) {
      const what = changed.map(({ key, old, value }) => `Param with key='${key}' was already logged with value='${old}'. Attempted logging new value '${value}'.`)
      throw invalid(`Changing param values is not allowed for run ID='${runId}'. ${what.join(' ')}`)
    }
    await insertMetrics(trx, runId, metrics)
    await insertModelMetrics(trx, runId, metrics)
    await store.upsertTags(trx, runId, tags)
    const name = tags.find(({ key }) => key === NAME_TAG)?.value
    if (name !== undefined && name !== run.run_name) await store.updateRun(trx, runId, { run_name: name })
  })
}

export async function deleteTag({ db }: TrainingContext, runId: string, key: string): Promise<void> {
  await db.transaction(async (trx) => {
    await requireActiveRun(trx, runId)
    if (!(await store.deleteTag(trx, runId, key))) throw new MillraceError('NOT_FOUND', `No tag with name: ${key} in run with id ${runId}`)
  })
}

export async function logInputs({ db }: TrainingContext, runId: string, datasets: readonly DatasetInput[], modelIds: readonly string[]): Promise<void> {
  checkBatch('datasets', datasets.length, LIMITS.datasetsInBatch)
  await db.transaction(async (trx) => {
    const run = await requireActiveRun(trx, runId)
    for (const use of datasets) await store.insertDatasetUse(trx, run, use)
    for (const modelId of modelIds) await store.insertRunModel(trx, runId, modelId, 'input', 0)
  })
}

export async function logOutputs({ db }: TrainingContext, runId: string, models: readonly { readonly modelId: string; readonly step: number }[]): Promise<void> {
  await db.transaction(async (trx) => {
    await requireActiveRun(trx, runId)
    for (const { modelId, step } of models) await store.insertRunModel(trx, runId, modelId, 'output', step)
  })
}

export async function requireRun(db: Queries, runId: string): Promise<store.RunRow> {
  if (!/^[a-zA-Z0-9][\w-]{0,255}$/.test(runId)) throw invalid(`Invalid value ${JSON.stringify(runId)} for parameter 'run_id' supplied.`)
  const row = await store.findRun(db, runId)
  if (row === undefined) throw new MillraceError('NOT_FOUND', `Run with id=${runId} not found`)
  return row
}

async function requireActiveRun(trx: Queries, runId: string): Promise<store.RunRow> {
  const row = await requireRun(trx, runId)
  if (row.lifecycle_stage !== 'active') throw invalid(`The run ${runId} must be in the 'active' state. Current state is ${row.lifecycle_stage}.`)
  return row
}

async function presentOne(db: Queries, row: store.RunRow): Promise<Run> {
  const [run] = await presentRuns(db, [row])
  if (run === undefined) throw new TypeError('one row in, one run out')
  return run
}

function checkMetric({ key, timestamp }: MetricPoint, field: string): void {
  checkKey(key, `${field}.name`)
  if (timestamp < 0) throw invalid(`Invalid value ${timestamp} for parameter '${field}.timestamp' supplied: expected a nonnegative integer.`)
}

function checkTags(tags: readonly KeyValue[], field: string): void {
  for (const [i, { key, value }] of tags.entries()) {
    checkKey(key, `${field}[${i}].key`)
    checkLength(value, LIMITS.tagValue, `${field}[${i}].value`)
  }
}

/** Models logged by clients older than MLflow 3: a list in this tag. */
const MODEL_HISTORY_TAG = 'mlflow.log-model.history'

export async function logModelHistory({ db }: TrainingContext, runId: string, modelJson: string): Promise<void> {
  const model = parseObject(modelJson, 'model_json')
  const missing = ['artifact_path', 'utc_time_created', 'run_id'].filter((field) => !(field in model))
  if (missing.length > 0) throw invalid(`Model json is missing mandatory fields: ${missing.join(', ')}`)
  await db.transaction(async (trx) => {
    await requireActiveRun(trx, runId)
    const tag = await store.findTag(trx, runId, MODEL_HISTORY_TAG)
    const before: unknown = tag === undefined ? [] : JSON.parse(tag)
    const value = JSON.stringify([...(Array.isArray(before) ? before : []), model])
    checkLength(value, LIMITS.tagValue, MODEL_HISTORY_TAG)
    await store.upsertTags(trx, runId, [{ key: MODEL_HISTORY_TAG, value }])
  })
}

function parseObject(json: string, field: string): object {
  try {
    const value: unknown = JSON.parse(json)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch (error) {
    throw new MillraceError('BAD_REQUEST', `Malformed model info. \n ${field} is not valid JSON`, { cause: error })
  }
  throw invalid(`Malformed model info. \n ${field}: expected a JSON object`)
}
