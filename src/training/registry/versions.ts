import type { Transaction } from 'kysely'
import type { KeyValue, ModelVersion } from '../../api/tracking.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { invalid } from '../mlflow/errors.ts'
import { LIMITS, checkLength } from '../mlflow/limits.ts'
import type { Queries, TrackingSchema } from '../tables.ts'
import { findModel as findLoggedModel, upsertModelPairs } from '../tracking/logged-models/store.ts'
import { authorize } from './access.ts'
import { removeAlias } from './aliases.ts'
import type { Caller } from './caller.ts'
import type { RegistryContext } from './context.ts'
import { emit } from './events.ts'
import { findManifest, insertManifest } from './manifests.ts'
import { presentVersions } from './present.ts'
import { checkRegistryTags, lockModel, requireModel, requireVersion } from './require.ts'
import { withManifest } from './seal.ts'
import { isPrompt } from './search.ts'
import { type Origin, resolveSource } from './source.ts'
import * as store from './store.ts'

export interface VersionInput {
  readonly model: string
  readonly source: string
  readonly runId: string | undefined
  readonly modelId: string | undefined
  readonly runLink: string | undefined
  readonly description: string | undefined
  readonly tags: readonly KeyValue[]
}

const STAGES = ['None', 'Staging', 'Production', 'Archived'] as const
const ACTIVE_STAGES: readonly string[] = ['Staging', 'Production']
/** On a logged model: the versions made of it, as JSON. MLflow's UI reads it. */
const MODEL_VERSIONS_TAG = 'mlflow.modelVersions'

/**
 * A new version gets the number after the highest that the model ever had: a number is never given twice. Its files, where the server keeps them, are read and
 * from then on cannot change.
 */
export async function createVersion(context: RegistryContext, input: VersionInput, by: Caller): Promise<ModelVersion> {
  const { db, outbox, clock } = context
  const { tags } = input
  checkRegistryTags(tags)
  authorize(context, by, 'version.create', { model: input.model })
  const originOf = (queries: Queries) => (isPrompt(tags) ? Promise.resolve(promptOrigin(input.source)) : resolveSource(queries, input))
  await requireModel(db.kysely, input.model)
  const origin = await originOf(db.kysely)
  return withManifest(context, origin.location, origin.modelId, (manifest) =>
    db.transaction(async (trx) => {
      const now = clock.wall().getTime()
      const model = await lockModel(trx, input.model)
      if ((await originOf(trx)).location !== origin.location) throw new MillraceError('CONFLICT', `${input.source} names another version by now; register again`)
      const row: store.VersionRow = {
        name: model.name,
        version: model.last_version + 1,
        source: origin.source,
        storage_location: origin.location,
        run_id: origin.runId,
        model_id: origin.modelId,
        run_link: input.runLink ?? null,
        description: input.description ?? null,
        stage: 'None',
        creation_time: now,
        last_update_time: now,
      }
      await store.insertVersion(trx, row)
      await store.upsertVersionTags(trx, row.name, row.version, tags)
      if (manifest !== undefined) await insertManifest(trx, row.name, row.version, manifest)
      if (origin.modelId !== null) await noteOnLoggedModel(trx, origin.modelId)
      const told = {
        model: row.name,
        version: String(row.version),
        run_id: row.run_id,
        tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
        source: row.source,
        ...(row.description ? { description: row.description } : {}),
        ...(manifest === undefined ? {} : { digest: manifest.digest }),
      }
      await emit(trx, outbox, 'dev.millrace.model.version.created', told, by)
      return presentOne(trx, row)
    }),
  )
}

export async function getVersion({ db }: RegistryContext, name: string, version: number): Promise<ModelVersion> {
  return presentOne(db.kysely, await requireVersion(db.kysely, name, version))
}

export async function downloadUri(db: Queries, name: string, version: number): Promise<string> {
  return (await requireVersion(db, name, version)).storage_location
}

export async function latestVersions({ db }: RegistryContext, name: string, stages: readonly string[]): Promise<readonly ModelVersion[]> {
  await requireModel(db.kysely, name)
  const wanted = stages.map(canonicalStage)
  const rows = await store.latestByStage(db.kysely, [name])
  return presentVersions(db.kysely, rows.filter((row) => wanted.length === 0 || wanted.includes(row.stage)))
}

export function describeVersion(context: RegistryContext, name: string, version: number, description: string, by: Caller): Promise<ModelVersion> {
  checkLength(description, LIMITS.description, 'description')
  authorize(context, by, 'version.describe', { model: name, version })
  return change(context, name, version, async (trx, row, now) => {
    await store.updateVersion(trx, name, version, { description, last_update_time: now })
    const previous = row.description ?? ''
    if (description !== previous) await emit(trx, context.outbox, 'dev.millrace.model.version.described', { model: name, version: String(version), description, previous }, by)
  })
}

export function transitionStage(context: RegistryContext, name: string, version: number, given: string, archiveOthers: boolean, by: Caller): Promise<ModelVersion> {
  const stage = canonicalStage(given)
  if (archiveOthers && !ACTIVE_STAGES.includes(stage)) {
    throw invalid(`Model version transition cannot archive existing model versions because '${given}' is not an Active stage. Valid stages are ${ACTIVE_STAGES.join(', ')}`)
  }
  authorize(context, by, 'version.stage', { model: name, version })
  return change(context, name, version, async (trx, row, now) => {
    const move = async (moved: store.VersionRow, to: string) => {
      await store.updateVersion(trx, name, moved.version, { stage: to, last_update_time: now })
      if (moved.stage === to) return
      await emit(trx, context.outbox, 'dev.millrace.model.version.stage.changed', { model: name, version: String(moved.version), stage: to, previous: moved.stage }, by)
    }
    for (const other of archiveOthers ? await store.othersInStage(trx, name, version, stage) : []) await move(other, 'Archived')
    await move(row, stage)
    await store.updateModel(trx, name, { last_update_time: now })
  })
}

export async function setVersionTag(context: RegistryContext, name: string, version: number, tag: KeyValue, by: Caller): Promise<void> {
  checkRegistryTags([tag])
  authorize(context, by, 'version.tag', { model: name, version })
  await change(context, name, version, async (trx) => {
    const previous = (await store.versionTag(trx, name, version, tag.key))?.value ?? null
    if (previous === tag.value) return
    await store.upsertVersionTags(trx, name, version, [tag])
    await emit(trx, context.outbox, 'dev.millrace.model.version.tag.set', { model: name, version: String(version), ...tag, previous }, by)
  })
}

export async function deleteVersionTag(context: RegistryContext, name: string, version: number, key: string, by: Caller): Promise<void> {
  authorize(context, by, 'version.tag', { model: name, version })
  await change(context, name, version, async (trx) => {
    const previous = (await store.versionTag(trx, name, version, key))?.value
    if (previous === undefined) return
    await store.deleteVersionTag(trx, name, version, key)
    await emit(trx, context.outbox, 'dev.millrace.model.version.tag.deleted', { model: name, version: String(version), key, previous }, by)
  })
}

/** Aliases that point at it are removed with it, and the history says so. Its files stay, and can change again unless another version has them too. */
export async function deleteVersion(context: RegistryContext, name: string, version: number, by: Caller): Promise<void> {
  authorize(context, by, 'version.delete', { model: name, version })
  await context.db.transaction(async (trx) => {
    await lockModel(trx, name)
    const row = await requireVersion(trx, name, version)
    const aliases = (await store.listAliases(trx, [name])).filter((alias) => alias.version === version)
    for (const { alias } of aliases) await removeAlias(trx, context, { model: name, alias, expected: version }, by)
    const digest = (await findManifest(trx, name, version))?.digest ?? null
    await store.deleteVersion(trx, name, version)
    await store.updateModel(trx, name, { last_update_time: context.clock.wall().getTime() })
    await emit(trx, context.outbox, 'dev.millrace.model.version.deleted', { model: name, version: String(version), run_id: row.run_id, digest }, by)
  })
}

type Work = (trx: Transaction<TrackingSchema>, row: store.VersionRow, now: number) => Promise<void>

async function change({ db, clock }: RegistryContext, name: string, version: number, work: Work): Promise<ModelVersion> {
  const now = clock.wall().getTime()
  return db.transaction(async (trx) => {
    // The lock does not ask whether there is a model: without one there is no version, and that is what MLflow says.
    await store.lockModel(trx, name)
    await work(trx, await requireVersion(trx, name, version), now)
    return presentOne(trx, await requireVersion(trx, name, version))
  })
}

/** A prompt has no files; MLflow's client sends a word as its source. */
function promptOrigin(source: string): Origin {
  if (!/^[\w-]{1,100}$/.test(source)) throw invalid(`Invalid prompt source: '${source}': expected a plain word`)
  return { source, location: source, runId: null, modelId: null }
}

/** A logged model that was deleted meanwhile is passed over. */
async function noteOnLoggedModel(trx: Queries, modelId: string): Promise<void> {
  if ((await findLoggedModel(trx, modelId)) === undefined) return
  const value = JSON.stringify(await store.versionsOf(trx, modelId))
  await upsertModelPairs(trx, 'logged_model_tags', modelId, [{ key: MODEL_VERSIONS_TAG, value }])
}

function canonicalStage(given: string): string {
  const stage = STAGES.find((known) => known.toLowerCase() === given.toLowerCase())
  if (stage === undefined) throw invalid(`Invalid Model Version stage: ${given}. Value must be one of ${STAGES.join(', ')}.`)
  return stage
}

async function presentOne(db: Queries, row: store.VersionRow): Promise<ModelVersion> {
  const [version] = await presentVersions(db, [row])
  if (version === undefined) throw new TypeError('one row in, one version out')
  return version
}
