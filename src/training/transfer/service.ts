import { posix } from 'node:path'
import type { KeyValue } from '../../api/tracking.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { TrainingContext } from '../context.ts'
import { invalid } from '../mlflow/errors.ts'
import { LOGGED_MODEL_STATUS, RUN_STATUS, enumName, toDouble, toInteger, toKeyValues } from '../mlflow/fields.ts'
import { chunksOf, nextNumber } from '../store.ts'
import type { Queries } from '../tables.ts'
import { ARTIFACT_SCHEME, checkLocation } from '../tracking/artifacts/uri.ts'
import * as experiments from '../tracking/experiments/store.ts'
import { insertModelMetrics, upsertModelPairs } from '../tracking/logged-models/store.ts'
import * as runs from '../tracking/runs/store.ts'
import { noteDeletion } from './deletions.ts'
import type { ImportedExperiment, ImportedModel, ImportedPoint, ImportedRun } from './schema.ts'
import { insertParams, insertPoints, raiseCounter } from './store.ts'

/*
 * What a migration writes: rows as they were elsewhere, with their ids, times and stages. Each call is one transaction and may be repeated: the second
 * time it changes nothing, or brings what changed at the source meanwhile.
 */

interface Placed {
  readonly id: string
  readonly location: string
}

/**
 * Experiments are one if they have one name. A new one keeps its number where that is free here and fits, and otherwise gets another. One that was here
 * before the import only gets the tags.
 */
export async function importExperiment({ db, clock, artifactRoot }: TrainingContext, given: ImportedExperiment): Promise<Placed> {
  const location = keptLocation(given.artifact_location)
  return db.transaction(async (trx) => {
    const existing = await experiments.findExperiment(trx, { name: given.name })
    const change = { lifecycle_stage: given.lifecycle_stage, creation_time: toInteger(given.creation_time, 'creation_time'), last_update_time: toInteger(given.last_update_time, 'last_update_time') }
    const id = existing?.experiment_id ?? (await freeNumber(trx, given.experiment_id))
    const row = existing ?? { experiment_id: id, name: given.name, artifact_location: location ?? `${artifactRoot}/${id}`, ...change }
    if (existing === undefined) {
      await experiments.insertExperiment(trx, row)
      await noteDeletion(trx, 'experiment', String(id), row.lifecycle_stage, clock.wall().getTime())
    }
    for (const { key, value } of toKeyValues(given.tags)) await experiments.upsertExperimentTag(trx, id, key, value)
    return { id: String(id), location: row.artifact_location }
  })
}

async function freeNumber(trx: Queries, wanted: string): Promise<number> {
  const number = /^\d{1,15}$/.test(wanted) ? Number(wanted) : undefined
  if (number !== undefined && (await experiments.findExperiment(trx, { id: number })) === undefined) {
    await raiseCounter(trx, 'experiments', number)
    return number
  }
  for (;;) {
    const next = await nextNumber(trx, 'experiments')
    if ((await experiments.findExperiment(trx, { id: next })) === undefined) return next
  }
}

/** Runs without their metrics. A run keeps its id; tags are made those of the source, params may only be added to. */
export async function importRuns({ db, clock }: TrainingContext, given: readonly ImportedRun[]): Promise<readonly Placed[]> {
  return db.transaction(async (trx) => {
    const placed: Placed[] = []
    for (const run of given) placed.push(await importRun(trx, run, clock.wall().getTime()))
    return placed
  })
}

async function importRun(trx: Queries, given: ImportedRun, now: number): Promise<Placed> {
  const experiment = await requireExperiment(trx, given.experiment_id)
  const before = await runs.findRun(trx, given.run_id)
  if (before !== undefined && before.experiment_id !== experiment.experiment_id) {
    throw new MillraceError('CONFLICT', `run ${given.run_id} is here already, in experiment ${before.experiment_id} and not ${experiment.experiment_id}`)
  }
  if (before !== undefined) await runs.touchRuns(trx, [given.run_id])
  const row = {
    run_id: given.run_id,
    experiment_id: experiment.experiment_id,
    run_name: given.run_name,
    user_id: given.user_id,
    status: enumName(RUN_STATUS, given.status),
    start_time: toInteger(given.start_time, 'start_time'),
    end_time: given.end_time === undefined ? null : toInteger(given.end_time, 'end_time'),
    artifact_uri: keptLocation(given.artifact_uri) ?? before?.artifact_uri ?? `${experiment.artifact_location}/${given.run_id}/artifacts`,
    lifecycle_stage: given.lifecycle_stage,
  }
  await trx.insertInto('runs').values(row).onConflict((c) => c.column('run_id').doUpdateSet(row)).execute()
  await noteDeletion(trx, 'run', row.run_id, row.lifecycle_stage, now)
  const tags = toKeyValues(given.tags)
  await removeOtherTags(trx, given.run_id, tags)
  await runs.upsertTags(trx, given.run_id, tags)
  const changed = await insertParams(trx, given.run_id, toKeyValues(given.params))
  if (changed !== undefined) throw new MillraceError('CONFLICT', `run ${given.run_id} is here already, with ${changed.key}=${changed.old} and not ${changed.value}`)
  for (const { dataset, tags: about } of given.datasets ?? []) await runs.insertDatasetUse(trx, row, { dataset, tags: toKeyValues(about) })
  for (const { model_id, kind, step } of given.models ?? []) await runs.insertRunModel(trx, given.run_id, model_id, kind, toInteger(step, 'step'))
  return { id: given.run_id, location: row.artifact_uri }
}

async function removeOtherTags(trx: Queries, runId: string, tags: readonly KeyValue[]): Promise<void> {
  const wanted = new Set(tags.map(({ key }) => key))
  const present = await trx.selectFrom('run_tags').select('key').where('run_id', '=', runId).execute()
  for (const { key } of present) if (!wanted.has(key)) await runs.deleteTag(trx, runId, key)
}

/** A point that is there already stays one. */
export async function importMetrics({ db }: TrainingContext, given: readonly ImportedPoint[]): Promise<void> {
  await db.transaction(async (trx) => {
    const byRun = [...Map.groupBy(given, ({ run_id }) => run_id)].toSorted(([a], [b]) => (a < b ? -1 : 1))
    await runs.touchRuns(trx, byRun.map(([runId]) => runId))
    for (const [runId, points] of byRun) {
      const run = await runs.findRun(trx, runId)
      if (run === undefined) throw new MillraceError('NOT_FOUND', `Run with id=${runId} not found`)
      const list = points.map(({ key, value, timestamp, step }) => ({ key, value: toDouble(value), timestamp: toInteger(timestamp, 'timestamp'), step: toInteger(step, 'step') }))
      await insertPoints(trx, run, list)
    }
  })
}

export async function importModels({ db, clock }: TrainingContext, given: readonly ImportedModel[]): Promise<readonly Placed[]> {
  return db.transaction(async (trx) => {
    const placed: Placed[] = []
    for (const model of given) placed.push(await importModel(trx, model, clock.wall().getTime()))
    return placed
  })
}

async function importModel(trx: Queries, given: ImportedModel, now: number): Promise<Placed> {
  const experiment = await requireExperiment(trx, given.experiment_id)
  const before = await trx.selectFrom('logged_models').selectAll().where('model_id', '=', given.model_id).executeTakeFirst()
  const row = {
    model_id: given.model_id,
    experiment_id: experiment.experiment_id,
    name: given.name,
    artifact_location: keptLocation(given.artifact_location) ?? before?.artifact_location ?? `${experiment.artifact_location}/models/${given.model_id}/artifacts`,
    creation_time: toInteger(given.creation_time, 'creation_time'),
    last_update_time: toInteger(given.last_update_time, 'last_update_time'),
    model_type: given.model_type,
    source_run_id: given.source_run_id,
    status: enumName(LOGGED_MODEL_STATUS, given.status),
    status_message: given.status_message ?? null,
    lifecycle_stage: given.lifecycle_stage,
  }
  await trx.insertInto('logged_models').values(row).onConflict((c) => c.column('model_id').doUpdateSet(row)).execute()
  await noteDeletion(trx, 'logged_model', row.model_id, row.lifecycle_stage, now)
  await upsertModelPairs(trx, 'logged_model_tags', row.model_id, toKeyValues(given.tags))
  await upsertModelPairs(trx, 'logged_model_params', row.model_id, toKeyValues(given.params))
  for (const [runId, points] of Map.groupBy(given.metrics ?? [], ({ run_id }) => run_id)) {
    const list = points.map(({ key, value, timestamp, step, dataset_name, dataset_digest }) => ({
      key,
      value: toDouble(value),
      timestamp: toInteger(timestamp, 'timestamp'),
      step: toInteger(step, 'step'),
      modelId: row.model_id,
      ...(dataset_name === undefined ? {} : { datasetName: dataset_name }),
      ...(dataset_digest === undefined ? {} : { datasetDigest: dataset_digest }),
    }))
    for (const chunk of chunksOf(list)) await insertModelMetrics(trx, runId, chunk)
  }
  return { id: row.model_id, location: row.artifact_location }
}

async function requireExperiment(trx: Queries, id: string): Promise<experiments.ExperimentRow> {
  const row = /^\d{1,15}$/.test(id) ? await experiments.findExperiment(trx, { id: Number(id) }) : undefined
  if (row === undefined) throw new MillraceError('NOT_FOUND', `No Experiment with id=${id} exists`)
  return row
}

/** Only what clients reach by themselves is kept as it was: files that the server keeps get a place of the server's. */
function keptLocation(uri: string | undefined): string | undefined {
  if (uri === undefined) return undefined
  checkLocation(uri, 'artifact_location')
  if (uri.startsWith(`${ARTIFACT_SCHEME}:`)) throw invalid(`Invalid value ${JSON.stringify(uri)}: the server chooses where the files it keeps lie`)
  return uri.replace(/\/+$/, '')
}

export function checkModelName(name: string): void {
  if (posix.normalize(name) !== name || name === '.' || name.startsWith('..')) throw invalid(`Invalid value ${JSON.stringify(name)} for parameter 'name' supplied: it is not a plain name.`)
}
