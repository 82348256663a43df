import { openAsBlob } from 'node:fs'
import type { TrackingClient } from '../../../../sdk/tracking.ts'
import type { KeyValue, Run } from '../../../api/tracking.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import type { PipelineState } from './state.ts'

export interface TrackRequest {
  readonly experiment: string
  readonly runName: string
  /** Tells this run from all others: a run that carries it already is gone on with, or answered if it is finished. */
  readonly identity: KeyValue
  readonly commit: string
  readonly tags: Readonly<Record<string, string>>
  /** Milliseconds. Counts only where the run is not there yet. */
  readonly startTime: number
  /** Registers the run's model under this name. */
  readonly register: string | undefined
  /** Registers nothing where the version that this alias names is the same model, byte for byte, of another run. */
  readonly unlessSameAs?: string
}

export interface Tracked {
  readonly run_id: string
  readonly experiment_id: string
  /** null where nothing was registered. */
  readonly version: string | null
  /** The version that is the same model; only where `unlessSameAs` was asked for. */
  readonly unchanged?: string
}

/** What logging needs of the tracking service's client. */
export type RunTracking = Pick<
  TrackingClient,
  'getOrCreateExperiment' | 'findOrCreateRun' | 'logBatch' | 'uploadArtifact' | 'updateRun' | 'registerModel' | 'findOrCreateVersion' | 'getByAlias'
>

/**
 * Logs what a pipeline made as one run of MLflow's and, if asked, registers its model. Every step can be repeated, so that a caller that died in between calls
 * it again with the same identity: one run and one version come of it. Throws PIPELINE_OUTPUT_MISSING where a model is to be registered and none was made.
 */
export async function trackState(tracking: RunTracking, state: PipelineState, request: TrackRequest): Promise<Tracked> {
  const { identity, register } = request
  if (register !== undefined && state.model === undefined) {
    throw new MillraceError('PIPELINE_OUTPUT_MISSING', `there is no model to register as ${register}: the pipeline made no folder with an MLmodel file`)
  }
  const tags = commonTags(state, request)
  const experiment = await tracking.getOrCreateExperiment(request.experiment)
  const run = await tracking.findOrCreateRun(experiment, identity, {
    name: request.runName,
    startTime: request.startTime,
    tags: { ...tags, 'mlflow.source.type': 'PROJECT', 'mlflow.source.name': 'dvc.yaml' },
  })
  const runId = run.info.run_id
  if (run.info.status !== 'FINISHED') await fillRun(tracking, run, state)
  if (register === undefined) return { run_id: runId, experiment_id: experiment, version: null }
  const unchanged = request.unlessSameAs === undefined ? undefined : await sameModel(tracking, state, register, request.unlessSameAs, runId)
  if (unchanged !== undefined) return { run_id: runId, experiment_id: experiment, version: null, unchanged }
  await tracking.registerModel(register)
  const { version } = await tracking.findOrCreateVersion(register, { runId, source: `${run.info.artifact_uri}/${state.model}`, tags: { ...tags, [identity.key]: identity.value } })
  return { run_id: runId, experiment_id: experiment, version }
}

/** Not this run's own version, which may answer already when a caller that died in between comes again. */
async function sameModel(tracking: RunTracking, { modelDigest }: PipelineState, model: string, alias: string, runId: string): Promise<string | undefined> {
  const present = await tracking.getByAlias(model, alias)
  if (present === undefined || present.run_id === runId) return undefined
  return present.tags?.some(({ key, value }) => key === MODEL_DIGEST && value === modelDigest) ? present.version : undefined
}

const MODEL_DIGEST = 'millrace.model.digest'

async function fillRun(tracking: RunTracking, run: Run, state: PipelineState): Promise<void> {
  // The time of each metric, too: logged again it is then the same point.
  const { run_id: runId, start_time: timestamp } = run.info
  const metrics = [...state.series, ...[...state.metrics].map(([key, value]) => ({ key, step: 0, value }))].map((point) => ({ ...point, timestamp }))
  await tracking.logBatch(runId, { params: Object.fromEntries(state.params), metrics })
  for (const { path, file } of state.artifacts) await tracking.uploadArtifact(runId, path, await openAsBlob(file))
  await tracking.updateRun(runId, { status: 'FINISHED', endTime: Date.now() })
}

/** What run and version both say of where they come from. */
function commonTags(state: PipelineState, request: TrackRequest): Readonly<Record<string, string>> {
  const { contract, features, trainedOn, modelDigest } = state
  return {
    'mlflow.source.git.commit': request.commit,
    ...Object.fromEntries([...state.data].map(([path, oid]) => [`millrace.data.${path.replaceAll(/[^\w./ -]/g, '_')}`, oid])),
    ...(contract === undefined ? {} : { 'millrace.contract': `${contract.result}: ${contract.contract} ${contract.version}, ${contract.checks} checks on ${contract.rows} rows` }),
    ...(features.length === 0 ? {} : { 'millrace.features': features.join(',') }),
    ...(trainedOn === undefined ? {} : { 'millrace.training.from': trainedOn.from, 'millrace.training.to': trainedOn.to }),
    ...(modelDigest === undefined ? {} : { [MODEL_DIGEST]: modelDigest }),
    ...request.tags,
  }
}
