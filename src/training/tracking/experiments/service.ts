import type { Experiment } from '../../../api/tracking.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import type { TrainingContext } from '../../context.ts'
import { invalid } from '../../mlflow/errors.ts'
import { LIMITS, checkKey, checkLength } from '../../mlflow/limits.ts'
import { nextNumber } from '../../store.ts'
import { refusePurged } from '../../retention/index.ts'
import { noteDeletion, noteRunDeletions } from '../../transfer/deletions.ts'
import type { Queries } from '../../tables.ts'
import { checkLocation } from '../artifacts/uri.ts'
import * as store from './store.ts'

/** MLflow's experiment of those who name none. */
const DEFAULT_EXPERIMENT = { experiment_id: 0, name: 'Default' }

export interface ExperimentInput {
  readonly name: string
  readonly artifactLocation: string | undefined
  readonly tags: readonly { readonly key: string; readonly value: string }[]
}

export async function ensureDefaultExperiment({ db, clock, artifactRoot }: TrainingContext): Promise<void> {
  const now = clock.wall().getTime()
  await db.transaction(async (trx) => {
    await store.insertExperiment(trx, {
      ...DEFAULT_EXPERIMENT,
      artifact_location: `${artifactRoot}/${DEFAULT_EXPERIMENT.experiment_id}`,
      lifecycle_stage: 'active',
      creation_time: now,
      last_update_time: now,
    })
  })
}

export async function createExperiment({ db, clock, artifactRoot }: TrainingContext, { name, artifactLocation, tags }: ExperimentInput): Promise<string> {
  checkName(name)
  for (const tag of tags) checkTag(tag.key, tag.value)
  if (artifactLocation) checkLocation(artifactLocation, 'artifact_location')
  const now = clock.wall().getTime()
  return db.transaction(async (trx) => {
    const id = await nextNumber(trx, 'experiments')
    const row = await store.insertExperiment(trx, {
      experiment_id: id,
      name,
      artifact_location: artifactLocation ? artifactLocation.replace(/\/+$/, '') : `${artifactRoot}/${id}`,
      lifecycle_stage: 'active',
      creation_time: now,
      last_update_time: now,
    })
    if (row === undefined) throw await nameTaken(trx, name)
    for (const { key, value } of tags) await store.upsertExperimentTag(trx, id, key, value)
    return String(id)
  })
}

/** Deleted ones too. */
export async function getExperiment({ db }: TrainingContext, id: string): Promise<Experiment> {
  return presentOne(db.kysely, await requireExperiment(db.kysely, id))
}

export async function getExperimentByName({ db }: TrainingContext, name: string): Promise<Experiment> {
  const row = await store.findExperiment(db.kysely, { name })
  if (row === undefined) throw new MillraceError('NOT_FOUND', `Could not find experiment with name '${name}'`)
  return presentOne(db.kysely, row)
}

export async function renameExperiment({ db, clock }: TrainingContext, id: string, name: string): Promise<void> {
  checkName(name)
  await db.transaction(async (trx) => {
    const row = await requireActive(trx, id)
    const other = await store.findExperiment(trx, { name })
    if (other !== undefined && other.experiment_id !== row.experiment_id) throw await nameTaken(trx, name)
    await store.updateExperiment(trx, row.experiment_id, { name, last_update_time: clock.wall().getTime() })
  })
}

/** Deletes or restores an experiment with all its runs. */
export async function setExperimentLifecycle({ db, clock }: TrainingContext, id: string, stage: 'active' | 'deleted'): Promise<void> {
  await db.transaction(async (trx) => {
    const row = await requireExperiment(trx, id)
    if (row.lifecycle_stage === stage) {
      throw new MillraceError('NOT_FOUND', `No Experiment with id=${id} in the stage '${stage === 'active' ? 'deleted' : 'active'}' exists`)
    }
    const now = clock.wall().getTime()
    if (stage === 'active') await refusePurged(trx, 'experiment', id)
    await noteDeletion(trx, 'experiment', String(row.experiment_id), stage, now)
    await noteRunDeletions(trx, row.experiment_id, stage, now)
    await store.updateExperiment(trx, row.experiment_id, { lifecycle_stage: stage, last_update_time: now })
    await store.setRunsLifecycle(trx, row.experiment_id, stage)
  })
}

export async function setExperimentTag({ db }: TrainingContext, id: string, key: string, value: string): Promise<void> {
  checkTag(key, value)
  await db.transaction(async (trx) => {
    const row = await requireActive(trx, id)
    await store.upsertExperimentTag(trx, row.experiment_id, key, value)
  })
}

export async function deleteExperimentTag({ db }: TrainingContext, id: string, key: string): Promise<void> {
  await db.transaction(async (trx) => {
    const row = await requireActive(trx, id)
    if (!(await store.deleteExperimentTag(trx, row.experiment_id, key))) {
      throw new MillraceError('NOT_FOUND', `No tag with name: ${key} in experiment with id ${id}`)
    }
  })
}

export async function requireExperiment(db: Queries, id: string): Promise<store.ExperimentRow> {
  const number = parseExperimentId(id)
  const row = await store.findExperiment(db, { id: number })
  if (row === undefined) throw new MillraceError('NOT_FOUND', `No Experiment with id=${id} exists`)
  return row
}

export async function requireActive(db: Queries, id: string): Promise<store.ExperimentRow> {
  const row = await requireExperiment(db, id)
  const error = requireStage(id, row.lifecycle_stage)
  if (error !== undefined) throw error
  return row
}

/** What is wrong with an experiment in `stage` that takes no changes. */
export function requireStage(id: string, stage: string): MillraceError | undefined {
  return stage === 'active' ? undefined : invalid(`The experiment ${id} must be in the 'active' state. Current state is ${stage}.`)
}

export function parseExperimentId(id: string): number {
  if (!/^\d{1,15}$/.test(id)) throw invalid(`Invalid experiment ID: '${id}'. Experiment ID must be a valid integer.`)
  return Number(id)
}

async function presentOne(db: Queries, row: store.ExperimentRow): Promise<Experiment> {
  const [experiment] = await store.presentExperiments(db, [row])
  if (experiment === undefined) throw new TypeError('one row in, one experiment out')
  return experiment
}

async function nameTaken(trx: Queries, name: string): Promise<MillraceError> {
  const other = await store.findExperiment(trx, { name })
  const deleted = other?.lifecycle_stage === 'deleted' ? ' in deleted state: restore it, or rename it after restoring' : ''
  return new MillraceError('ALREADY_EXISTS', `Experiment(name=${name}) already exists${deleted}.`)
}

function checkName(name: string): void {
  if (name.trim() === '') throw invalid(`Invalid experiment name: '${name}'`)
  checkLength(name, LIMITS.experimentName, 'name')
}

function checkTag(key: string, value: string): void {
  checkKey(key, 'key')
  checkLength(value, LIMITS.experimentTagValue, 'value')
}
