import type { KeyValue, RegisteredModel } from '../../api/tracking.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { LIMITS, checkLength } from '../mlflow/limits.ts'
import type { Queries } from '../tables.ts'
import { authorize } from './access.ts'
import { removeAlias } from './aliases.ts'
import type { Caller } from './caller.ts'
import type { RegistryContext } from './context.ts'
import { emit } from './events.ts'
import { presentModels } from './present.ts'
import { checkModelName, checkRegistryTags, lockModel, requireModel } from './require.ts'
import { PROMPT_TAG, isPrompt } from './search.ts'
import * as store from './store.ts'

export interface ModelInput {
  readonly name: string
  readonly description: string | undefined
  readonly tags: readonly KeyValue[]
}

export async function createModel(context: RegistryContext, { name, description, tags }: ModelInput, by: Caller): Promise<RegisteredModel> {
  checkModelName(name, 'name')
  checkRegistryTags(tags)
  if (description !== undefined) checkLength(description, LIMITS.description, 'description')
  authorize(context, by, 'model.create', { model: name })
  const now = context.clock.wall().getTime()
  return context.db.transaction(async (trx) => {
    const isNew = await store.insertModel(trx, { name, description: description ?? null, creation_time: now, last_update_time: now, last_version: 0 })
    if (!isNew) throw await nameTaken(trx, name, tags)
    await store.upsertModelTags(trx, name, tags)
    const told = { model: name, tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])), ...(description ? { description } : {}) }
    await emit(trx, context.outbox, 'dev.millrace.model.created', told, by)
    return presentOne(trx, name)
  })
}

export function getModel({ db }: RegistryContext, name: string): Promise<RegisteredModel> {
  return presentOne(db.kysely, name)
}

export async function renameModel(context: RegistryContext, name: string, newName: string, by: Caller): Promise<RegisteredModel> {
  checkModelName(newName, 'new_name')
  authorize(context, by, 'model.rename', { model: name })
  // A name is what permissions and gates go by: whoever renames must be allowed to make one of the new name.
  authorize(context, by, 'model.create', { model: newName })
  const now = context.clock.wall().getTime()
  return context.db.transaction(async (trx) => {
    await lockModel(trx, name)
    if (newName !== name) {
      const history = await store.readHistory(trx, newName, undefined)
      if ((await store.findModel(trx, newName)) !== undefined) throw new MillraceError('ALREADY_EXISTS', `Registered Model (name=${newName}) already exists.`)
      if (history.length > 0) throw new MillraceError('ALREADY_EXISTS', `Registered Model (name=${newName}) existed before and its alias history is kept; choose another name.`)
      await emit(trx, context.outbox, 'dev.millrace.model.renamed', { model: newName, previous: name }, by)
    }
    await store.renameModel(trx, name, newName, now)
    return presentOne(trx, newName)
  })
}

export async function describeModel(context: RegistryContext, name: string, description: string, by: Caller): Promise<RegisteredModel> {
  checkLength(description, LIMITS.description, 'description')
  authorize(context, by, 'model.describe', { model: name })
  return context.db.transaction(async (trx) => {
    const { description: previous } = await lockModel(trx, name)
    await store.updateModel(trx, name, { description, last_update_time: context.clock.wall().getTime() })
    if (description !== (previous ?? '')) await emit(trx, context.outbox, 'dev.millrace.model.described', { model: name, description, previous: previous ?? '' }, by)
    return presentOne(trx, name)
  })
}

/** Its aliases are removed one by one, so that the history says when and by whom. */
export async function deleteModel(context: RegistryContext, name: string, by: Caller): Promise<void> {
  authorize(context, by, 'model.delete', { model: name })
  await context.db.transaction(async (trx) => {
    await lockModel(trx, name)
    for (const { alias } of await store.listAliases(trx, [name])) await removeAlias(trx, context, { model: name, alias, expected: undefined }, by)
    const versions = await store.versionNumbers(trx, name)
    await store.deleteModel(trx, name)
    await emit(trx, context.outbox, 'dev.millrace.model.deleted', { model: name, versions: versions.map(({ version }) => String(version)) }, by)
  })
}

export async function setModelTag(context: RegistryContext, name: string, tag: KeyValue, by: Caller): Promise<void> {
  checkRegistryTags([tag])
  authorize(context, by, 'model.tag', { model: name })
  await context.db.transaction(async (trx) => {
    await lockModel(trx, name)
    const previous = (await store.modelTag(trx, name, tag.key))?.value ?? null
    if (previous === tag.value) return
    await store.upsertModelTags(trx, name, [tag])
    await emit(trx, context.outbox, 'dev.millrace.model.tag.set', { model: name, ...tag, previous }, by)
  })
}

export async function deleteModelTag(context: RegistryContext, name: string, key: string, by: Caller): Promise<void> {
  authorize(context, by, 'model.tag', { model: name })
  await context.db.transaction(async (trx) => {
    await lockModel(trx, name)
    const previous = (await store.modelTag(trx, name, key))?.value
    if (previous === undefined) return
    await store.deleteModelTag(trx, name, key)
    await emit(trx, context.outbox, 'dev.millrace.model.tag.deleted', { model: name, key, previous }, by)
  })
}

async function nameTaken(db: Queries, name: string, tags: readonly KeyValue[]): Promise<MillraceError> {
  const taken = (await store.modelTag(db, name, PROMPT_TAG))?.value.toLowerCase() === 'true'
  if (taken === isPrompt(tags)) return new MillraceError('ALREADY_EXISTS', `Registered Model (name=${name}) already exists.`)
  const [asked, holder] = taken ? ['registered model', 'prompt'] : ['prompt', 'registered model']
  return new MillraceError('ALREADY_EXISTS', `Tried to create a ${asked} with name '${name}', but the name is already taken by a ${holder}. A model and a prompt cannot have the same name.`)
}

async function presentOne(db: Queries, name: string): Promise<RegisteredModel> {
  const [model] = await presentModels(db, [await requireModel(db, name)])
  if (model === undefined) throw new TypeError('one row in, one model out')
  return model
}
