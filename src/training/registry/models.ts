import { posix } from 'node:path'
import type { KeyValue, RegisteredModel } from '../../api/tracking.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { TrainingContext } from '../context.ts'
import { invalid } from '../mlflow/errors.ts'
import { LIMITS, checkLength } from '../mlflow/limits.ts'
import type { Queries } from '../tables.ts'
import { type Mover, moveAlias } from './aliases.ts'
import { emitModelCreated } from './events.ts'
import { presentModels } from './present.ts'
import { checkRegistryTags, requireModel } from './require.ts'
import * as store from './store.ts'

export interface ModelInput {
  readonly name: string
  readonly description: string | undefined
  readonly tags: readonly KeyValue[]
}

export async function createModel({ db, outbox, clock }: TrainingContext, { name, description, tags }: ModelInput): Promise<RegisteredModel> {
  checkModelName(name, 'name')
  checkRegistryTags(tags)
  if (description !== undefined) checkLength(description, LIMITS.description, 'description')
  const now = clock.wall().getTime()
  return db.transaction(async (trx) => {
    const isNew = await store.insertModel(trx, { name, description: description ?? null, creation_time: now, last_update_time: now, last_version: 0 })
    if (!isNew) throw new MillraceError('ALREADY_EXISTS', `Registered Model (name=${name}) already exists.`)
    await store.upsertModelTags(trx, name, tags)
    await emitModelCreated(trx, outbox, name)
    return presentOne(trx, name)
  })
}

export function getModel({ db }: TrainingContext, name: string): Promise<RegisteredModel> {
  return presentOne(db.kysely, name)
}

export async function renameModel({ db, clock }: TrainingContext, name: string, newName: string): Promise<RegisteredModel> {
  checkModelName(newName, 'new_name')
  const now = clock.wall().getTime()
  return db.transaction(async (trx) => {
    await requireModel(trx, name, now)
    if (newName !== name) {
      const history = await store.readHistory(trx, newName, undefined)
      if ((await store.findModel(trx, newName)) !== undefined) throw new MillraceError('ALREADY_EXISTS', `Registered Model (name=${newName}) already exists.`)
      if (history.length > 0) throw new MillraceError('ALREADY_EXISTS', `Registered Model (name=${newName}) existed before and its alias history is kept; choose another name.`)
      await store.renameModel(trx, name, newName, now)
    }
    return presentOne(trx, newName)
  })
}

export async function updateModel({ db, clock }: TrainingContext, name: string, description: string): Promise<RegisteredModel> {
  checkLength(description, LIMITS.description, 'description')
  return db.transaction(async (trx) => {
    await requireModel(trx, name, clock.wall().getTime())
    await store.updateModel(trx, name, { description })
    return presentOne(trx, name)
  })
}

/** Its aliases are removed one by one, so that the history says when and by whom. */
export async function deleteModel(context: TrainingContext, name: string, by: Mover): Promise<void> {
  await context.db.transaction(async (trx) => {
    await requireModel(trx, name, context.clock.wall().getTime())
    for (const { alias } of await store.listAliases(trx, [name])) await moveAlias(trx, context, { model: name, alias, expected: undefined }, null, by)
    await store.deleteModel(trx, name)
  })
}

export async function setModelTag({ db, clock }: TrainingContext, name: string, tag: KeyValue): Promise<void> {
  checkRegistryTags([tag])
  await db.transaction(async (trx) => {
    await requireModel(trx, name, clock.wall().getTime())
    await store.upsertModelTags(trx, name, [tag])
  })
}

export async function deleteModelTag({ db, clock }: TrainingContext, name: string, key: string): Promise<void> {
  await db.transaction(async (trx) => {
    await requireModel(trx, name, clock.wall().getTime())
    await store.deleteModelTag(trx, name, key)
  })
}

function checkModelName(name: string, field: string): void {
  if (name.trim() === '') throw invalid(`Missing value for required parameter '${field}'.`)
  if (/[/:]/.test(name)) throw invalid(`Invalid model name '${name}'. Names cannot contain '/' or ':'.`)
  if (posix.normalize(name) !== name || name === '.' || name.startsWith('..')) throw invalid(`Invalid value ${JSON.stringify(name)} for parameter '${field}' supplied: it is not a plain name.`)
  checkLength(name, LIMITS.key, field)
}

async function presentOne(db: Queries, name: string): Promise<RegisteredModel> {
  const [model] = await presentModels(db, [await requireModel(db, name)])
  if (model === undefined) throw new TypeError('one row in, one model out')
  return model
}
