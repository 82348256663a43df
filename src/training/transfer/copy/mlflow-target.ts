import { LRUCache } from 'lru-cache'
import { ApiError, type Transport } from '../../../../sdk/http.ts'
import type { Experiment, KeyValue, LoggedModel, Metric, Run } from '../../../api/tracking.ts'
import { keptLocation } from './locations.ts'
import { copyRegistered, expectedVersion } from './mlflow-registry.ts'
import { FROM_TAG, type MlflowServer, orUndefined } from './mlflow-server.ts'
import { withoutMarks } from './millrace-target.ts'
import type { CopiedModel, FilesOf, Mark, Note, Source, Target, There } from './port.ts'
import { putFile } from './put-file.ts'

const API = '/api/2.0/mlflow'
/** On what was copied: its mark. */
const MARK_TAG = 'millrace.copy.mark'
const PARENT_TAG = 'mlflow.parentRunId'
const POINTS_IN_BATCH = 1000
const PAIRS_IN_BATCH = 100
const KNOWN = 10_000

export interface MlflowTargetOptions {
  readonly transport: Transport
  readonly name: string
  readonly there: Source
  readonly from: Source
  readonly note: Note
}

/**
 * A server of MLflow, through its REST API. It gives runs and models ids and creation times of its own: what was copied carries the id that it came from as a
 * tag, and references among runs, models and versions are turned into the ids there.
 */
export function mlflowTarget({ transport, name, there, from, note }: MlflowTargetOptions): Target {
  const get = <T>(path: string, query: Readonly<Record<string, string>>): Promise<T> => transport.json('GET', `${API}/${path}`, { query })
  const post = <T>(path: string, body: unknown): Promise<T> => transport.json('POST', `${API}/${path}`, { body })
  /** What makes something new must not be sent twice: it is looked for first, and again after a failure. */
  const create = <T>(path: string, body: unknown): Promise<T> => transport.json('POST', `${API}/${path}`, { body, retryForMs: 0 })
  const experimentOf = new LRUCache<string, string>({ max: KNOWN })
  const runIds = new LRUCache<string, string>({ max: KNOWN })

  const searchRuns = async (experimentId: string, id: string): Promise<Run | undefined> => {
    const body = { experiment_ids: [experimentId], filter: `tags.\`${FROM_TAG}\` = '${id}'`, run_view_type: 'ALL', max_results: 1 }
    return (await post<{ runs?: readonly Run[] }>('runs/search', body)).runs?.[0]
  }
  const searchModels = async (experimentId: string, id: string): Promise<LoggedModel | undefined> => {
    const body = { experiment_ids: [experimentId], filter: `tags.\`${FROM_TAG}\` = '${id}'`, max_results: 1 }
    return (await post<{ models?: readonly LoggedModel[] }>('logged-models/search', body)).models?.[0]
  }

  /** Experiments that are deleted there: they are restored when, and only when, something is to be written to them. */
  const closed = new Set<string>()
  const reopen = async (id: string): Promise<void> => {
    if (!closed.delete(id)) return
    await post('experiments/restore', { experiment_id: id })
  }
  const experiment = async ({ experiment_id, name: called, artifact_location, tags }: Experiment): Promise<string> => {
    const found = (await orUndefined(get<{ experiment: Experiment }>('experiments/get-by-name', { experiment_name: called })))?.experiment
    if (found === undefined) {
      const kept = keptLocation(artifact_location)
      const made = await create<{ experiment_id: string }>('experiments/create', { name: called, ...(kept === undefined ? {} : { artifact_location: kept }), tags })
      experimentOf.set(experiment_id, made.experiment_id)
      return made.experiment_id
    }
    const id = found.experiment_id
    experimentOf.set(experiment_id, id)
    if (found.lifecycle_stage === 'deleted') closed.add(id)
    const stored = new Map((found.tags ?? []).map(({ key, value }) => [key, value]))
    for (const { key, value } of tags) {
      if (stored.get(key) === value) continue
      await reopen(id)
      await post('experiments/set-experiment-tag', { experiment_id: id, key, value })
    }
    return id
  }
  const experimentThere = async (id: string): Promise<string | undefined> => {
    const known = experimentOf.get(id)
    if (known !== undefined) return known
    for await (const one of from.experiments()) if (one.experiment_id === id) return experiment(one)
    return undefined
  }

  const runThere = async (id: string): Promise<Run | undefined> => {
    const before = await from.run(id)
    const place = before === undefined ? undefined : await experimentThere(before.info.experiment_id)
    return place === undefined ? undefined : searchRuns(place, id)
  }
  const modelThere = async (id: string): Promise<LoggedModel | undefined> => {
    const before = await from.model(id)
    const place = before === undefined ? undefined : await experimentThere(before.info.experiment_id)
    return place === undefined ? undefined : searchModels(place, id)
  }
  const server: MlflowServer = { get, post, transport, runThere, modelThere, from, note }

  /** The run there, made with no more than its name and its mother if it is missing: a run may speak of one that is copied later. */
  const ensureRun = async (run: Run, experimentId: string): Promise<{ id: string; uri: string; deleted: boolean }> => {
    const found = await searchRuns(experimentId, run.info.run_id)
    if (found === undefined) await reopen(experimentId)
    const made =
      found ??
      (
        await create<{ run: Run }>('runs/create', {
          experiment_id: experimentId,
          user_id: run.info.user_id,
          run_name: run.info.run_name,
          start_time: run.info.start_time,
          tags: [{ key: FROM_TAG, value: run.info.run_id }],
        })
      ).run
    runIds.set(run.info.run_id, made.info.run_id)
    return { id: made.info.run_id, uri: made.info.artifact_uri, deleted: made.info.lifecycle_stage === 'deleted' }
  }
  const runIdThere = async (id: string): Promise<string> => {
    const known = runIds.get(id)
    if (known !== undefined) return known
    const run = await from.run(id)
    const place = run === undefined ? undefined : await experimentThere(run.info.experiment_id)
    // A run that was removed for good: the reference stays what it was.
    return run === undefined || place === undefined ? id : (await ensureRun(run, place)).id
  }
  const ensureModel = async (model: CopiedModel, experimentId: string): Promise<LoggedModel> => {
    const { info, data } = model
    const found = await searchModels(experimentId, info.model_id)
    if (found !== undefined) return found
    await reopen(experimentId)
    const body = {
      experiment_id: experimentId,
      name: info.name,
      model_type: info.model_type,
      ...(info.source_run_id === '' ? {} : { source_run_id: await runIdThere(info.source_run_id) }),
      params: data.params,
      tags: [...withoutMarks(info.tags), { key: FROM_TAG, value: info.model_id }],
    }
    return (await create<{ model: LoggedModel }>('logged-models', body)).model
  }
  const modelIdThere = async (id: string): Promise<string> => {
    const model = await from.model(id)
    const place = model === undefined ? undefined : await experimentThere(model.info.experiment_id)
    return model === undefined || place === undefined ? id : (await ensureModel(model, place)).info.model_id
  }
  const translated = async (tag: KeyValue): Promise<KeyValue> => (tag.key === PARENT_TAG ? { key: tag.key, value: await runIdThere(tag.value) } : tag)

  return {
    name,
    source: there,
    runId: async (id) => (await runThere(id))?.info.run_id,
    modelId: async (id) => (await modelThere(id))?.info.model_id,
    experiment,
    marks: async (kind, ids, experimentId) => {
      const marks = new Map<string, Mark>()
      for (const id of ids) {
        const found = kind === 'run' ? (await searchRuns(experimentId, id))?.data.tags : (await searchModels(experimentId, id))?.info.tags
        const text = found?.find(({ key }) => key === MARK_TAG)?.value
        if (text !== undefined) marks.set(id, { kind, id, ...(JSON.parse(text) as Pick<Mark, 'fingerprint' | 'content'>) })
      }
      return marks
    },
    run: async (run, experimentId): Promise<There<Run>> => {
      await reopen(experimentId)
      const { id, uri, deleted } = await ensureRun(run, experimentId)
      if (deleted) await post('runs/restore', { run_id: id })
      const tags = await Promise.all(withoutMarks(run.data.tags).map(translated))
      for (const chunk of chunks(run.data.params, PAIRS_IN_BATCH)) await post('runs/log-batch', { run_id: id, params: chunk })
      for (const chunk of chunks(tags, PAIRS_IN_BATCH)) await post('runs/log-batch', { run_id: id, tags: chunk })
      const inputs = await Promise.all(run.inputs.model_inputs.map(async ({ model_id }) => ({ model_id: await modelIdThere(model_id) })))
      const outputs = await Promise.all(run.outputs.model_outputs.map(async ({ model_id, step }) => ({ model_id: await modelIdThere(model_id), step: step ?? 0 })))
      if (run.inputs.dataset_inputs.length > 0 || inputs.length > 0) await post('runs/log-inputs', { run_id: id, datasets: run.inputs.dataset_inputs, models: inputs })
      if (outputs.length > 0) await post('runs/outputs', { run_id: id, models: outputs })
      const expected = { ...run, data: { ...run.data, tags }, inputs: { ...run.inputs, model_inputs: inputs }, outputs: { model_outputs: outputs } }
      return { id, expected, files: keptLocation(uri) === undefined ? { kind: 'run', id, uri } : undefined }
    },
    points: async ({ id }, points) => {
      for (const chunk of chunks(points, POINTS_IN_BATCH)) {
        await post('runs/log-batch', { run_id: id, metrics: chunk.map(({ key, value, timestamp, step }) => ({ key, value: value ?? 0, timestamp: timestamp ?? 0, step: step ?? 0 })) })
      }
    },
    finishRun: async ({ id, expected }, mark) => {
      const { status, end_time, lifecycle_stage } = expected.info
      await post('runs/update', { run_id: id, status, ...(end_time === undefined ? {} : { end_time }) })
      await post('runs/set-tag', { run_id: id, key: MARK_TAG, value: JSON.stringify({ fingerprint: mark.fingerprint, content: mark.content }) })
      if (lifecycle_stage === 'deleted') await post('runs/delete', { run_id: id })
    },
    model: async (model, experimentId): Promise<There<LoggedModel>> => {
      await reopen(experimentId)
      const made = await ensureModel(model, experimentId)
      const id = made.info.model_id
      const metrics: Metric[] = []
      for (const point of model.data.metrics) {
        const runId = await runIdThere(point.run_id ?? model.info.source_run_id)
        metrics.push({ ...point, run_id: runId, model_id: id })
      }
      const source = model.info.source_run_id === '' ? '' : await runIdThere(model.info.source_run_id)
      const expected = { info: { ...model.info, source_run_id: source }, data: { ...model.data, metrics } }
      return { id, expected, files: keptLocation(made.info.artifact_uri) === undefined ? { kind: 'model', id, uri: made.info.artifact_uri } : undefined }
    },
    finishModel: async ({ id, expected }, model, mark) => {
      await logModelMetrics(server, id, expected.data.metrics)
      await transport.json('PATCH', `${API}/logged-models/${id}`, { body: { model_id: id, status: model.info.status } })
      const tag = { key: MARK_TAG, value: JSON.stringify({ fingerprint: mark.fingerprint, content: mark.content }) }
      await transport.json('PATCH', `${API}/logged-models/${id}/tags`, { body: { model_id: id, tags: [tag] } })
    },
    write: (place: FilesOf, path, content) => putFile(transport, `${place.uri}/${path}`, content),
    finishExperiment: async ({ lifecycle_stage }, experimentId) => {
      if (lifecycle_stage !== 'deleted' || closed.has(experimentId)) return
      await post('experiments/delete', { experiment_id: experimentId })
      closed.add(experimentId)
    },
    registered: (model, versions) => copyRegistered(server, model, versions),
    expectedVersion: (version) => expectedVersion(server, version),
  }
}

/** A point of a run that was measured on a model is logged once more, with the model: as a point of the run it stays one. */
async function logModelMetrics({ post, note }: MlflowServer, id: string, metrics: readonly Metric[]): Promise<void> {
  for (const { run_id, key, value, timestamp, step, dataset_name, dataset_digest } of metrics) {
    try {
      await post('runs/log-metric', { run_id, key, value, timestamp: timestamp ?? 0, step: step ?? 0, model_id: id, dataset_name, dataset_digest })
    } catch (error) {
      if (!(error instanceof ApiError) || error.status >= 500) throw error
      note(`logged model ${id}: its metric ${key} was not copied: ${error.message}`)
    }
  }
}

function* chunks<T>(values: readonly T[], size: number): Iterable<readonly T[]> {
  for (let at = 0; at < values.length; at += size) yield values.slice(at, at + size)
}
