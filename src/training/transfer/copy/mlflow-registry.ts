import type { ModelVersion, RegisteredModel } from '../../../api/tracking.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import { moved } from './locations.ts'
import { withoutMarks } from './millrace-target.ts'
import { FROM_TAG, type MlflowServer, orUndefined } from './mlflow-server.ts'
import type { CopiedVersion } from './port.ts'

/**
 * A registered model, its versions in order of their numbers, their stages and its aliases. MLflow numbers versions itself: where there is a gap, as after a
 * deletion, one is made and deleted again, so that numbers stay what they were. May be repeated, also after it was killed in the middle.
 */
export async function copyRegistered(server: MlflowServer, model: RegisteredModel, pages: AsyncIterable<readonly CopiedVersion[]>): Promise<void> {
  const { get, post, transport, note } = server
  const { name, description } = model
  const there = await orUndefined(get<{ registered_model: RegisteredModel }>('registered-models/get', { name }))
  if (there === undefined) {
    await transport.json('POST', '/api/2.0/mlflow/registered-models/create', {
      body: { name, ...(description ? { description } : {}), tags: [...withoutMarks(model.tags ?? []), { key: FROM_TAG, value: name }] },
      retryForMs: 0,
    })
  } else if (!there.registered_model.tags?.some(({ key }) => key === FROM_TAG)) {
    note(`model ${name}: there is another of that name at the target, which was left as it is`)
    return
  }
  for await (const page of pages) {
    for (const version of page) {
      if ((await find(server, name, version.version)) === undefined) await create(server, version)
      await settle(server, version)
    }
  }
  for (const { alias, version } of model.aliases ?? []) await post('registered-models/alias', { name, alias, version: String(version) })
}

function find({ get }: MlflowServer, name: string, version: string): Promise<{ model_version: ModelVersion } | undefined> {
  return orUndefined(get('model-versions/get', { name, version: String(version) }))
}

async function create(server: MlflowServer, version: CopiedVersion): Promise<void> {
  const { name, source, run_link, description, tags } = version
  const place = await placeOf(server, version)
  if (place === undefined) server.note(`model ${name}, version ${version.version}: its files at ${source} belong to no run that was copied; the source was kept`)
  const body = { name, source, ...place, ...(run_link ? { run_link } : {}), ...(description ? { description } : {}), tags: withoutMarks(tags ?? []) }
  for (;;) {
    const made = await server.transport.json<{ model_version: ModelVersion }>('POST', '/api/2.0/mlflow/model-versions/create', { body, retryForMs: 0 })
    const number = Number(made.model_version.version)
    if (number === Number(version.version)) return
    // Numbers are never given twice, so one that is too low is that of a version which was deleted where this one comes from.
    await server.transport.json('DELETE', '/api/2.0/mlflow/model-versions/delete', { body: { name, version: String(number) } })
    if (number > Number(version.version)) throw new MillraceError('CONFLICT', `model ${name}: the target gave number ${number} to version ${version.version}; it had other versions before`)
  }
}

/** What may have changed since it was made. */
async function settle({ post, transport }: MlflowServer, { name, version, description, current_stage, tags }: CopiedVersion): Promise<void> {
  if (description) await transport.json('PATCH', '/api/2.0/mlflow/model-versions/update', { body: { name, version: String(version), description } })
  for (const { key, value } of withoutMarks(tags ?? [])) await post('model-versions/set-tag', { name, version: String(version), key, value })
  const stage = current_stage ?? 'None'
  const there = await orUndefined(
    transport.json<{ model_version: ModelVersion }>('GET', '/api/2.0/mlflow/model-versions/get', { query: { name, version: String(version) } }),
  )
  if ((there?.model_version.current_stage ?? 'None') !== stage) {
    await post('model-versions/transition-stage', { name, version: String(version), stage, archive_existing_versions: false })
  }
}

interface Place {
  readonly source: string
  readonly run_id?: string
  readonly model_id?: string
}

/** The version's source by the ids of the target. */
async function placeOf({ runThere, modelThere, from }: MlflowServer, { source, run_id, model_id }: CopiedVersion): Promise<Place | undefined> {
  const [run, model] = [run_id ? await runThere(run_id) : undefined, model_id ? await modelThere(model_id) : undefined]
  const runPart = run === undefined ? {} : { run_id: run.info.run_id }
  if (model !== undefined && model_id) {
    const here = { ...runPart, model_id: model.info.model_id }
    if (source.startsWith('models:/')) return { source: `models:/${model.info.model_id}`, ...here }
    const before = await from.model(model_id)
    const place = before && moved(source, before.info.artifact_uri, model.info.artifact_uri)
    if (place !== undefined) return { source: place, ...here }
  }
  if (run !== undefined && run_id) {
    const below = /^runs:\/[^/]+\/(.+)$/.exec(source)?.[1]
    if (below !== undefined) return { source: `runs:/${run.info.run_id}/${below}`, ...runPart }
    const before = await from.run(run_id)
    const place = before && moved(source, before.info.artifact_uri, run.info.artifact_uri)
    if (place !== undefined) return { source: place, ...runPart }
  }
  // Prompts, copies of other versions and object stores need no ids.
  return /^[\w-]+$/.test(source) || /^(models|s3|gs|abfss?|wasbs?|hdfs):\//.test(source) ? { source, ...runPart } : undefined
}

export async function expectedVersion(server: MlflowServer, version: CopiedVersion): Promise<Pick<ModelVersion, 'run_id' | 'model_id'>> {
  const place = await placeOf(server, version)
  return { ...(place?.run_id === undefined ? {} : { run_id: place.run_id }), ...(place?.model_id === undefined ? {} : { model_id: place.model_id }) }
}
