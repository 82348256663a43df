import type { KeyValue, LoggedModel, Run } from '../../../api/tracking.ts'
import { ApiError, type Transport } from '../../../../sdk/http.ts'
import { trackingClient } from '../../../../sdk/tracking.ts'
import { keptLocation, moved } from './locations.ts'
import { putFile } from './put-file.ts'
import type { CopiedVersion, Mark, Note, Source, Target, There } from './port.ts'

const IMPORT = '/api/2.0/millrace/import'

interface Placed {
  readonly id: string
  readonly location: string
}

export interface MillraceTargetOptions {
  readonly transport: Transport
  readonly name: string
  /** What is read there, and from where it comes. */
  readonly there: Source
  readonly from: Source
  readonly note: Note
}

/** Our own tracking service, through its endpoints for imports: ids, times and stages stay what they are. */
export function millraceTarget({ transport, name, there, from, note }: MillraceTargetOptions): Target {
  const post = <T>(path: string, body: unknown): Promise<T> => transport.json('POST', `${IMPORT}/${path}`, { body })
  const tracking = trackingClient(transport)
  const by = { actor: 'millrace import', reason: `as it was at ${from.name}` }
  const put = (mark: Mark) => post('marks', { source: from.name, marks: [mark] })

  /** A version's files, as this server will find them. */
  const placeOf = async (version: CopiedVersion): Promise<{ readonly source: string; readonly storage_location: string }> => {
    const { source, location = source } = version
    const kept = keptLocation(location)
    if (kept !== undefined) return { source, storage_location: kept }
    if (version.model_id !== undefined) {
      const [here, before] = [await there.model(version.model_id), await from.model(version.model_id)]
      const place = here && before && (moved(location, before.info.artifact_uri, here.info.artifact_uri) ?? (source.startsWith('models:/') ? here.info.artifact_uri : undefined))
      if (place !== undefined) return { source: source.startsWith('models:/') ? source : place, storage_location: place }
    }
    if (version.run_id !== undefined) {
      const [here, before] = [await there.run(version.run_id), await from.run(version.run_id)]
      const below = /^runs:\/[^/]+\/(.+)$/.exec(source)?.[1]
      const place = here && before && (below === undefined ? moved(location, before.info.artifact_uri, here.info.artifact_uri) : `${here.info.artifact_uri}/${below}`)
      if (place !== undefined) return { source: below === undefined ? place : source, storage_location: place }
    }
    // A prompt's source is a word, and a copied version's names the other one.
    if (/^[\w-]+$/.test(source) || source.startsWith('models:/')) return { source, storage_location: source }
    note(`model ${version.name}, version ${version.version}: its files at ${location} belong to no run that was copied, and were not copied`)
    return { source: `models:/${version.name}/${version.version}`, storage_location: `models:/${version.name}/${version.version}` }
  }

  /** A gate or a permission of this project stands above how it was elsewhere: `otherwise` is then noted. */
  const permitted = async (change: () => Promise<unknown>, otherwise: string, model: string): Promise<void> => {
    try {
      await change()
    } catch (error) {
      if (!(error instanceof ApiError) || error.status >= 500) throw error
      // Nothing to seal: files that the server does not keep, or none at all.
      if (error.code !== 'NOT_FOUND') note(`model ${model}: ${otherwise}: ${error.message}`)
    }
  }

  return {
    name,
    source: there,
    runId: (id) => Promise.resolve(id),
    modelId: (id) => Promise.resolve(id),
    experiment: async ({ artifact_location, ...experiment }) => {
      const kept = keptLocation(artifact_location)
      return (await post<Placed>('experiment', { experiment: { ...experiment, ...(kept === undefined ? {} : { artifact_location: kept }) } })).id
    },
    marks: async (kind, ids) => {
      const { marks } = await post<{ marks: readonly Mark[] }>('find-marks', { source: from.name, kind, ids })
      return new Map(marks.map((mark) => [mark.id, mark]))
    },
    run: async (run, experimentId): Promise<There<Run>> => {
      const { artifact_uri, run_uuid, ...info } = run.info
      const kept = keptLocation(artifact_uri)
      const models = [
        ...run.inputs.model_inputs.map(({ model_id }) => ({ model_id, kind: 'input', step: 0 })),
        ...run.outputs.model_outputs.map(({ model_id, step }) => ({ model_id, kind: 'output', step: step ?? 0 })),
      ]
      const { placed } = await post<{ placed: readonly Placed[] }>('runs', {
        runs: [
          {
            ...info,
            experiment_id: experimentId,
            ...(kept === undefined ? {} : { artifact_uri: kept }),
            params: run.data.params,
            tags: withoutMarks(run.data.tags),
            datasets: run.inputs.dataset_inputs,
            models,
          },
        ],
      })
      return { id: run_uuid ?? info.run_id, expected: run, files: kept === undefined ? placeAt('run', info.run_id, placed[0]) : undefined }
    },
    points: async ({ id }, points) => {
      await post('metrics', { metrics: points.map(({ key, value, timestamp, step }) => ({ run_id: id, key, value: value ?? 0, timestamp: timestamp ?? 0, step: step ?? 0 })) })
    },
    finishRun: async (_there, mark) => void (await put(mark)),
    model: async (model, experimentId): Promise<There<LoggedModel>> => {
      const { info, data } = model
      const kept = keptLocation(info.artifact_uri)
      const { placed } = await post<{ placed: readonly Placed[] }>('logged-models', {
        models: [
          {
            model_id: info.model_id,
            experiment_id: experimentId,
            name: info.name,
            ...(kept === undefined ? {} : { artifact_location: kept }),
            creation_time: info.creation_timestamp_ms,
            last_update_time: info.last_updated_timestamp_ms,
            model_type: info.model_type,
            source_run_id: info.source_run_id,
            status: info.status,
            ...(info.status_message === undefined ? {} : { status_message: info.status_message }),
            lifecycle_stage: model.deleted ? 'deleted' : 'active',
            params: data.params,
            tags: withoutMarks(info.tags),
            metrics: data.metrics,
          },
        ],
      })
      return { id: info.model_id, expected: model, files: kept === undefined ? placeAt('model', info.model_id, placed[0]) : undefined }
    },
    finishModel: async (_there, _model, mark) => void (await put(mark)),
    write: (place, path, content) => putFile(transport, `${place.uri}/${path}`, content),
    finishExperiment: () => Promise.resolve(),
    registered: async (model, pages) => {
      const { name: registered, description, creation_timestamp, last_updated_timestamp, tags, aliases } = model
      const about = {
        name: registered,
        ...(description ? { description } : {}),
        creation_time: creation_timestamp,
        last_update_time: last_updated_timestamp,
        tags: withoutMarks(tags ?? []),
      }
      await post('registered-model', { model: about, versions: [] })
      for await (const page of pages) {
        await post('registered-model', { model: about, versions: await Promise.all(page.map(async (version) => ({ ...versionRow(version), ...(await placeOf(version)) }))) })
        // All files were copied before: from here on they are those that the version was imported with.
        for (const { version } of page) await permitted(() => tracking.sealVersion(registered, String(version), by), `version ${version} was not sealed`, registered)
      }
      for (const { alias, version } of aliases ?? []) {
        await permitted(() => tracking.setAlias(registered, alias, String(version), by), `alias ${alias} was not given to version ${version}`, registered)
      }
    },
    expectedVersion: ({ run_id, model_id }) => Promise.resolve({ ...(run_id === undefined ? {} : { run_id }), ...(model_id === undefined ? {} : { model_id }) }),
  }
}

function versionRow({ name, version, run_id, model_id, run_link, description, current_stage, creation_timestamp, last_updated_timestamp, tags }: CopiedVersion) {
  return {
    name,
    version,
    ...(run_id ? { run_id } : {}),
    ...(model_id ? { model_id } : {}),
    ...(run_link ? { run_link } : {}),
    ...(description ? { description } : {}),
    stage: current_stage ?? 'None',
    creation_time: creation_timestamp,
    last_update_time: last_updated_timestamp,
    tags: withoutMarks(tags ?? []),
  }
}

function placeAt(kind: 'run' | 'model', id: string, placed: Placed | undefined) {
  return placed === undefined ? undefined : { kind, id, uri: placed.location }
}

/** What an earlier copy wrote about itself. */
export function withoutMarks(tags: readonly KeyValue[]): readonly KeyValue[] {
  return tags.filter(({ key }) => !key.startsWith('millrace.copy.'))
}
