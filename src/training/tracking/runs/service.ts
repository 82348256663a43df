import type { DatasetInput, KeyValue, Run, RunInfo } from '../../../api/tracking.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import { hexId } from '../../../platform/ids/index.ts'
import type { TrainingContext } from '../../context.ts'
import { invalid } from '../../mlflow/errors.ts'
import { LIMITS, checkBatch, checkKey, checkLength, fitValues } from '../../mlflow/limits.ts'
import { refusePurged } from '../../retention/index.ts'
import { noteDeletion } from '../../transfer/deletions.ts'
import type { Queries, RunStatus } from '../../tables.ts'
import { parseExperimentId } from '../experiments/service.ts'
import type { RunDocuments } from './documents.ts'
import { emitRunFinished } from './events.ts'
import type { Histories } from './history.ts'
import type { MetricPoint } from './metrics.ts'
import { NAME_TAG, randomName } from './names.ts'
import { presentInfo } from './present.ts'
import * as store from './store.ts'
import type { RunLog, RunWriter } from './writer.ts'

/** What the endpoints of runs share: how runs are written and read fast. */
export interface RunsContext extends TrainingContext {
  readonly writer: RunWriter
  readonly documents: RunDocuments
  readonly histories: Histories
}

export interface RunInput {
  readonly experimentId: string
  readonly userId: string
  readonly name: string | undefined
  readonly startTime: number | undefined
  readonly tags: readonly KeyValue[]
}

export async function createRun({ writer, clock }: RunsContext, input: RunInput): Promise<Run> {
  checkKeys(input.tags, 'tags')
  const given = fitValues(input.tags, LIMITS.tagValue)
  const tagged = given.find(({ key }) => key === NAME_TAG)?.value
  if (input.name && tagged && input.name !== tagged) {
    throw invalid(`Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='${input.name}', mlflow.runName='${tagged}').`)
  }
  const name = input.name || tagged || randomName()
  const runId = hexId()
  const experimentId = parseExperimentId(input.experimentId)
  const startTime = input.startTime ?? clock.wall().getTime()
  const tags = [...given.filter(({ key }) => key !== NAME_TAG), { key: NAME_TAG, value: name }].toSorted((a, b) => (a.key < b.key ? -1 : 1))
  const artifactUri = await writer.create({ runId, experimentId, name, userId: input.userId, startTime, tags })
  return {
    info: {
      run_id: runId,
      experiment_id: String(experimentId),
      run_name: name,
      user_id: input.userId,
      status: 'RUNNING',
      start_time: startTime,
      artifact_uri: artifactUri,
      lifecycle_stage: 'active',
      run_uuid: runId,
    },
    data: { metrics: [], params: [], tags },
    inputs: { dataset_inputs: [], model_inputs: [] },
    outputs: { model_outputs: [] },
  }
}

/** The JSON of a run, deleted ones too. */
export async function getRun({ documents }: RunsContext, runId: string): Promise<string> {
  checkRunId(runId)
  const found = await documents.read([runId])
  return found.get(runId) ?? missing(runId)
}

export interface RunChange {
  readonly status: RunStatus | undefined
  readonly endTime: number | undefined
  readonly name: string | undefined
}

/** Emits run.finished when the run ends; telling a second time that it has ended changes nothing and tells nobody. */
export async function updateRun({ db, outbox }: TrainingContext, runId: string, { status, endTime, name }: RunChange): Promise<RunInfo> {
  return db.transaction(async (trx) => {
    await takeRun(trx, runId)
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

export async function setRunLifecycle({ db, clock }: Pick<TrainingContext, 'db' | 'clock'>, runId: string, stage: 'active' | 'deleted'): Promise<void> {
  await db.transaction(async (trx) => {
    await requireRun(trx, runId)
    await store.touchRuns(trx, [runId])
    if (stage === 'active') await refusePurged(trx, 'run', runId)
    await noteDeletion(trx, 'run', runId, stage, clock.wall().getTime())
    await store.updateRun(trx, runId, { lifecycle_stage: stage })
  })
}

/** All of it or nothing. Values of params and tags that are too long are cut, as MLflow cuts them. */
export async function logBatch({ writer }: RunsContext, log: RunLog): Promise<void> {
  const { runId, metrics, params, tags } = log
  checkRunId(runId)
  checkBatch('metrics', metrics.length, LIMITS.metricsInBatch)
  checkBatch('params', params.length, LIMITS.paramsInBatch)
  checkBatch('tags', tags.length, LIMITS.tagsInBatch)
  checkBatch('metrics, params, and tags', metrics.length + params.length + tags.length, LIMITS.entitiesInBatch)
  for (const [i, metric] of metrics.entries()) checkMetric(metric, i)
  checkKeys(params, 'params')
  checkKeys(tags, 'tags')
  if (params.length > 1 && new Set(params.map(({ key }) => key)).size < params.length) {
    const keys = params.map(({ key }) => key)
    const repeated = keys.filter((key, i) => keys.indexOf(key) !== i)
    throw invalid(`Duplicate parameter keys have been submitted: ${JSON.stringify(repeated)}. Please ensure the request contains only one param value per param key.`)
  }
  await writer.log({ ...log, params: fitValues(params, LIMITS.paramValue), tags: fitValues(tags, LIMITS.tagValue) })
}

export async function deleteTag({ db }: TrainingContext, runId: string, key: string): Promise<void> {
  await db.transaction(async (trx) => {
    await takeRun(trx, runId)
    if (!(await store.deleteTag(trx, runId, key))) throw new MillraceError('NOT_FOUND', `No tag with name: ${key} in run with id ${runId}`)
  })
}

export async function logInputs({ db }: TrainingContext, runId: string, datasets: readonly DatasetInput[], modelIds: readonly string[]): Promise<void> {
  checkBatch('datasets', datasets.length, LIMITS.datasetsInBatch)
  await db.transaction(async (trx) => {
    const run = await takeRun(trx, runId)
    for (const use of datasets) await store.insertDatasetUse(trx, run, use)
    for (const modelId of modelIds) await store.insertRunModel(trx, runId, modelId, 'input', 0)
  })
}

export async function logOutputs({ db }: TrainingContext, runId: string, models: readonly { readonly modelId: string; readonly step: number }[]): Promise<void> {
  await db.transaction(async (trx) => {
    await takeRun(trx, runId)
    for (const { modelId, step } of models) await store.insertRunModel(trx, runId, modelId, 'output', step)
  })
}

export async function requireRun(db: Queries, runId: string): Promise<store.RunRow> {
  checkRunId(runId)
  return (await store.findRun(db, runId)) ?? missing(runId)
}

/** An active run that is about to change: others that would change it wait, and what is kept of it elsewhere is out of date. */
async function takeRun(trx: Queries, runId: string): Promise<store.RunRow> {
  checkRunId(runId)
  await store.touchRuns(trx, [runId])
  const row = await requireRun(trx, runId)
  if (row.lifecycle_stage !== 'active') throw invalid(`The run ${runId} must be in the 'active' state. Current state is ${row.lifecycle_stage}.`)
  return row
}

export function checkRunId(runId: string): void {
  if (!/^[a-zA-Z0-9][\w-]{0,255}$/.test(runId)) throw invalid(`Invalid value ${JSON.stringify(runId)} for parameter 'run_id' supplied.`)
}

function missing(runId: string): never {
  throw new MillraceError('NOT_FOUND', `Run with id=${runId} not found`)
}

function checkMetric({ key, timestamp }: MetricPoint, i: number): void {
  checkKey(key, `metrics[${i}].name`)
  if (timestamp < 0) throw invalid(`Invalid value ${timestamp} for parameter 'metrics[${i}].timestamp' supplied: expected a nonnegative integer.`)
}

function checkKeys(pairs: readonly KeyValue[], field: string): void {
  for (const [i, { key }] of pairs.entries()) checkKey(key, `${field}[${i}].key`)
}

/** Models logged by clients older than MLflow 3: a list in this tag. */
const MODEL_HISTORY_TAG = 'mlflow.log-model.history'

export async function logModelHistory({ db }: TrainingContext, runId: string, modelJson: string): Promise<void> {
  const model = parseObject(modelJson, 'model_json')
  const missing = ['artifact_path', 'utc_time_created', 'run_id'].filter((field) => !(field in model))
  if (missing.length > 0) throw invalid(`Model json is missing mandatory fields: ${missing.join(', ')}`)
  await db.transaction(async (trx) => {
    await takeRun(trx, runId)
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
