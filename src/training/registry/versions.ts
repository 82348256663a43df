import type { KeyValue, ModelVersion } from '../../api/tracking.ts'
import type { TrainingContext } from '../context.ts'
import { invalid } from '../mlflow/errors.ts'
import { LIMITS, checkLength } from '../mlflow/limits.ts'
import type { Queries } from '../tables.ts'
import { findModel as findLoggedModel, upsertModelPairs } from '../tracking/logged-models/store.ts'
import { type Mover, moveAlias } from './aliases.ts'
import { emitVersionCreated } from './events.ts'
import { presentVersions } from './present.ts'
import { checkRegistryTags, requireModel, requireVersion } from './require.ts'
import { PROMPT_TAG } from './search.ts'
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

/** A new version gets the number after the highest that the model ever had: a number is never given twice. */
export async function createVersion({ db, outbox, clock }: TrainingContext, input: VersionInput): Promise<ModelVersion> {
  const { tags } = input
  checkRegistryTags(tags)
  const now = clock.wall().getTime()
  return db.transaction(async (trx) => {
    const model = await requireModel(trx, input.model, now)
    const isPrompt = tags.some(({ key, value }) => key === PROMPT_TAG && value === 'true')
    const origin = isPrompt ? promptOrigin(input.source) : await resolveSource(trx, input)
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
    if (origin.modelId !== null) await noteOnLoggedModel(trx, origin.modelId)
    await emitVersionCreated(trx, outbox, row, tags)
    return presentOne(trx, row)
  })
}

export async function getVersion({ db }: TrainingContext, name: string, version: number): Promise<ModelVersion> {
  return presentOne(db.kysely, await requireVersion(db.kysely, name, version))
}

export async function downloadUri({ db }: TrainingContext, name: string, version: number): Promise<string> {
  return (await requireVersion(db.kysely, name, version)).storage_location
}

export async function latestVersions({ db }: TrainingContext, name: string, stages: readonly string[]): Promise<readonly ModelVersion[]> {
  await requireModel(db.kysely, name)
  const wanted = stages.map(canonicalStage)
  const rows = await store.latestByStage(db.kysely, [name])
  return presentVersions(db.kysely, rows.filter((row) => wanted.length === 0 || wanted.includes(row.stage)))
}

export function updateVersion(context: TrainingContext, name: string, version: number, description: string): Promise<ModelVersion> {
  checkLength(description, LIMITS.description, 'description')
  return change(context, name, version, (trx, now) => store.updateVersion(trx, name, version, { description, last_update_time: now }))
}

export function transitionStage(context: TrainingContext, name: string, version: number, given: string, archiveOthers: boolean): Promise<ModelVersion> {
  const stage = canonicalStage(given)
  if (archiveOthers && !ACTIVE_STAGES.includes(stage)) {
    throw invalid(`Model version transition cannot archive existing model versions because '${given}' is not an Active stage. Valid stages are ${ACTIVE_STAGES.join(', ')}`)
  }
  return change(context, name, version, async (trx, now) => {
    if (archiveOthers) await store.archiveOthers(trx, name, version, stage, now)
    await store.updateVersion(trx, name, version, { stage, last_update_time: now })
  })
}

export async function setVersionTag(context: TrainingContext, name: string, version: number, tag: KeyValue): Promise<void> {
  checkRegistryTags([tag])
  await change(context, name, version, (trx) => store.upsertVersionTags(trx, name, version, [tag]))
}

export async function deleteVersionTag(context: TrainingContext, name: string, version: number, key: string): Promise<void> {
  await change(context, name, version, (trx) => store.deleteVersionTag(trx, name, version, key))
}

/** Aliases that point at it are removed with it, and the history says so. */
export async function deleteVersion(context: TrainingContext, name: string, version: number, by: Mover): Promise<void> {
  await context.db.transaction(async (trx) => {
    await requireModel(trx, name, context.clock.wall().getTime())
    await requireVersion(trx, name, version)
    const aliases = (await store.listAliases(trx, [name])).filter((alias) => alias.version === version)
    for (const { alias } of aliases) await moveAlias(trx, context, { model: name, alias, expected: version }, null, by)
    await store.deleteVersion(trx, name, version)
  })
}

async function change({ db, clock }: TrainingContext, name: string, version: number, work: (trx: Queries, now: number) => Promise<void>): Promise<ModelVersion> {
  const now = clock.wall().getTime()
  return db.transaction(async (trx) => {
    await requireModel(trx, name, now)
    await requireVersion(trx, name, version)
    await work(trx, now)
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
