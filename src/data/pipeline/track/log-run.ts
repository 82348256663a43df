import type { KeyValue, Metric, Run } from '../../../api/tracking.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import type { PipelineState } from './state.ts'
import type { TrackingPort } from './tracking-port.ts'

export interface TrackRequest {
  readonly experiment: string
  readonly runName: string
  /** Tells this run from all others: a run that carries it already is gone on with, or answered if it is finished. */
  readonly identity: KeyValue
  readonly commit: string
  readonly tags: ReadonlyMap<string, string>
  /** Milliseconds. Counts only where the run is not there yet. */
  readonly startTime: number
  /** Registers the run's model under this name. */
  readonly register: string | undefined
}

export interface Tracked {
  readonly run_id: string
  readonly experiment_id: string
  /** null where nothing was registered. */
  readonly version: string | null
}

const PARAMS_PER_BATCH = 100
const METRICS_PER_BATCH = 900

/**
 * Logs what a pipeline made as one run of MLflow's and, if asked, registers its model. Every step can be repeated, so that a caller that died in between calls
 * it again with the same identity: one run and one version come of it. Throws PIPELINE_OUTPUT_MISSING where a model is to be registered and none was made.
 */
export async function trackState(tracking: TrackingPort, state: PipelineState, request: TrackRequest): Promise<Tracked> {
  if (request.register !== undefined && state.model === undefined) {
    throw new MillraceError('PIPELINE_OUTPUT_MISSING', `there is no model to register as ${request.register}: the pipeline made no folder with an MLmodel file`)
  }
  const experiment = await tracking.experimentId(request.experiment)
  const run = (await tracking.findRun(experiment, request.identity)) ?? (await createRun(tracking, state, request, experiment))
  if (run.info.status !== 'FINISHED') await fillRun(tracking, run, state)
  const version = request.register === undefined ? null : await registerOnce(tracking, run, state, request, request.register)
  return { run_id: run.info.run_id, experiment_id: experiment, version }
}

function createRun(tracking: TrackingPort, state: PipelineState, request: TrackRequest, experiment: string): Promise<Run> {
  const tags = [...commonTags(state, request), ['mlflow.source.type', 'PROJECT'] as const, ['mlflow.source.name', 'dvc.yaml'] as const]
  return tracking.createRun({
    experiment_id: experiment,
    run_name: request.runName,
    start_time: request.startTime,
    tags: keyValues([...tags, [request.identity.key, request.identity.value]]),
  })
}

async function fillRun(tracking: TrackingPort, run: Run, state: PipelineState): Promise<void> {
  // The time of each metric, too: logged again it is then the same point.
  const { run_id: runId, start_time: timestamp } = run.info
  for (const params of chunks(keyValues(state.params), PARAMS_PER_BATCH)) await tracking.logBatch(runId, { params })
  const metrics: Metric[] = [
    ...state.series.map(({ key, step, value }) => ({ key, step, value, timestamp })),
    ...[...state.metrics].map(([key, value]) => ({ key, step: 0, value, timestamp })),
  ]
  for (const batch of chunks(metrics, METRICS_PER_BATCH)) await tracking.logBatch(runId, { metrics: batch })
  for (const artifact of state.artifacts) await tracking.uploadArtifact(run.info, artifact)
  await tracking.finishRun(runId, Date.now())
}

async function registerOnce(tracking: TrackingPort, run: Run, state: PipelineState, request: TrackRequest, name: string): Promise<string> {
  const runId = run.info.run_id
  await tracking.ensureModel(name)
  const known = await tracking.findVersion(name, runId)
  if (known) return known.version
  const tags = keyValues([...commonTags(state, request), [request.identity.key, request.identity.value]])
  return (await tracking.createVersion({ name, source: `${run.info.artifact_uri}/${state.model}`, run_id: runId, tags })).version
}

/** What run and version both say of where they come from. */
function commonTags(state: PipelineState, request: TrackRequest): readonly (readonly [string, string])[] {
  const { contract, features } = state
  return [
    ['mlflow.source.git.commit', request.commit],
    ...[...state.data].map(([path, oid]) => [`millrace.data.${path.replaceAll(/[^\w./ -]/g, '_')}`, oid] as const),
    ...(contract === undefined ? [] : [['millrace.contract', `${contract.result}: ${contract.contract} ${contract.version}, ${contract.checks} checks on ${contract.rows} rows`] as const]),
    ...(features.length === 0 ? [] : [['millrace.features', features.join(',')] as const]),
    ...request.tags,
  ]
}

function keyValues(entries: Iterable<readonly [string, string]>): readonly KeyValue[] {
  return Array.from(entries, ([key, value]) => ({ key, value }))
}

function* chunks<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}
