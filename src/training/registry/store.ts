import type { Selectable, Updateable } from 'kysely'
import type { KeyValue } from '../../api/tracking.ts'
import type { Queries, TrackingSchema } from '../tables.ts'

export type ModelRow = Selectable<TrackingSchema['registered_models']>
export type VersionRow = Selectable<TrackingSchema['model_versions']>

/** false where the name is taken. */
export async function insertModel(trx: Queries, row: ModelRow): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await trx.insertInto('registered_models').values(row).onConflict((c) => c.doNothing()).executeTakeFirst()
  return (numInsertedOrUpdatedRows ?? 0n) > 0n
}

export function findModel(db: Queries, name: string): Promise<ModelRow | undefined> {
  return db.selectFrom('registered_models').selectAll().where('name', '=', name).executeTakeFirst()
}

/** See `lockModel` of require.ts. undefined where there is no such model. */
export function lockModel(trx: Queries, name: string): Promise<ModelRow | undefined> {
  return trx.updateTable('registered_models').set((e) => ({ name: e.ref('name') })).where('name', '=', name).returningAll().executeTakeFirst()
}

export async function updateModel(trx: Queries, name: string, change: Updateable<TrackingSchema['registered_models']>): Promise<void> {
  await trx.updateTable('registered_models').set(change).where('name', '=', name).execute()
}

/** Versions and tags follow by foreign key; the history, which has none, is renamed here. */
export async function renameModel(trx: Queries, name: string, newName: string, now: number): Promise<void> {
  await trx.updateTable('registered_models').set({ name: newName, last_update_time: now }).where('name', '=', name).execute()
  await trx.updateTable('model_versions').set({ last_update_time: now }).where('name', '=', newName).execute()
  await trx.updateTable('alias_history').set({ name: newName }).where('name', '=', name).execute()
}

export async function deleteModel(trx: Queries, name: string): Promise<void> {
  await trx.deleteFrom('registered_models').where('name', '=', name).execute()
}

export async function upsertModelTags(trx: Queries, name: string, tags: readonly KeyValue[]): Promise<void> {
  for (const { key, value } of tags) {
    await trx.insertInto('registered_model_tags').values({ name, key, value }).onConflict((c) => c.columns(['name', 'key']).doUpdateSet({ value })).execute()
  }
}

export function modelTag(db: Queries, name: string, key: string): Promise<KeyValue | undefined> {
  return db.selectFrom('registered_model_tags').select(['key', 'value']).where('name', '=', name).where('key', '=', key).executeTakeFirst()
}

export function modelTags(db: Queries, name: string): Promise<readonly KeyValue[]> {
  return db.selectFrom('registered_model_tags').select(['key', 'value']).where('name', '=', name).execute()
}

export async function deleteModelTag(trx: Queries, name: string, key: string): Promise<void> {
  await trx.deleteFrom('registered_model_tags').where('name', '=', name).where('key', '=', key).execute()
}

export async function insertVersion(trx: Queries, row: VersionRow): Promise<void> {
  await trx.insertInto('model_versions').values(row).execute()
  await trx.updateTable('registered_models').set({ last_version: row.version, last_update_time: row.creation_time }).where('name', '=', row.name).execute()
}

export function findVersion(db: Queries, name: string, version: number): Promise<VersionRow | undefined> {
  return db.selectFrom('model_versions').selectAll().where('name', '=', name).where('version', '=', version).executeTakeFirst()
}

/** The one with the highest number. */
export function newestVersion(db: Queries, name: string): Promise<VersionRow | undefined> {
  return db.selectFrom('model_versions').selectAll().where('name', '=', name).orderBy('version', 'desc').limit(1).executeTakeFirst()
}

/** Versions made of a logged model, in the order of their making. */
export function versionsOf(db: Queries, modelId: string) {
  return db.selectFrom('model_versions').select(['name', 'version']).where('model_id', '=', modelId).orderBy('creation_time').orderBy('version').execute()
}

/** Versions that were made as copies of this one. */
export function copiesOf(db: Queries, name: string, version: number) {
  return db.selectFrom('model_versions').select(['name', 'version']).where('source', '=', `models:/${name}/${version}`).orderBy('creation_time').orderBy('name').orderBy('version').execute()
}

export async function updateVersion(trx: Queries, name: string, version: number, change: Updateable<TrackingSchema['model_versions']>): Promise<void> {
  await trx.updateTable('model_versions').set(change).where('name', '=', name).where('version', '=', version).execute()
}

/** The other versions that are in the stage. */
export function othersInStage(db: Queries, name: string, version: number, stage: string): Promise<readonly VersionRow[]> {
  return db.selectFrom('model_versions').selectAll().where('name', '=', name).where('version', '<>', version).where('stage', '=', stage).orderBy('version').execute()
}

export function versionNumbers(db: Queries, name: string): Promise<readonly { readonly version: number; readonly creation_time: number }[]> {
  return db.selectFrom('model_versions').select(['version', 'creation_time']).where('name', '=', name).orderBy('version').execute()
}

export async function deleteVersion(trx: Queries, name: string, version: number): Promise<void> {
  await trx.deleteFrom('model_versions').where('name', '=', name).where('version', '=', version).execute()
}

export async function upsertVersionTags(trx: Queries, name: string, version: number, tags: readonly KeyValue[]): Promise<void> {
  for (const { key, value } of tags) {
    await trx
      .insertInto('model_version_tags')
      .values({ name, version, key, value })
      .onConflict((c) => c.columns(['name', 'version', 'key']).doUpdateSet({ value }))
      .execute()
  }
}

export function versionTag(db: Queries, name: string, version: number, key: string): Promise<KeyValue | undefined> {
  return db.selectFrom('model_version_tags').select(['key', 'value']).where('name', '=', name).where('version', '=', version).where('key', '=', key).executeTakeFirst()
}

export function versionTags(db: Queries, name: string, version: number): Promise<readonly KeyValue[]> {
  return db.selectFrom('model_version_tags').select(['key', 'value']).where('name', '=', name).where('version', '=', version).execute()
}

export async function deleteVersionTag(trx: Queries, name: string, version: number, key: string): Promise<void> {
  await trx.deleteFrom('model_version_tags').where('name', '=', name).where('version', '=', version).where('key', '=', key).execute()
}

/** The newest version of the model in each stage. */
export async function latestByStage(db: Queries, names: readonly string[]): Promise<readonly VersionRow[]> {
  if (names.length === 0) return []
  return db
    .selectFrom('model_versions')
    .selectAll()
    .where((e) =>
      e(
        e.refTuple('name', 'version'),
        'in',
        e
          .selectFrom('model_versions as v')
          .select((f) => ['v.name', f.fn.max('v.version').as('version')])
          .where('v.name', 'in', names)
          .groupBy(['v.name', 'v.stage'])
          .$asTuple('name', 'version'),
      ),
    )
    .orderBy('name')
    .orderBy('stage')
    .execute()
}

export async function findAlias(db: Queries, name: string, alias: string): Promise<number | undefined> {
  const row = await db.selectFrom('aliases').select('version').where('name', '=', name).where('alias', '=', alias).executeTakeFirst()
  return row?.version
}

export function listAliases(db: Queries, names: readonly string[]) {
  return db.selectFrom('aliases').selectAll().where('name', 'in', names).orderBy('alias').execute()
}

export async function putAlias(trx: Queries, name: string, alias: string, version: number | null): Promise<void> {
  if (version === null) await trx.deleteFrom('aliases').where('name', '=', name).where('alias', '=', alias).execute()
  else await trx.insertInto('aliases').values({ name, alias, version }).onConflict((c) => c.columns(['name', 'alias']).doUpdateSet({ version })).execute()
}

export type HistoryRow = Selectable<TrackingSchema['alias_history']>

/** The caller holds the model's lock, so `seq`, which it returns, has neither gap nor double. */
export async function appendHistory(trx: Queries, row: Omit<HistoryRow, 'seq'>): Promise<number> {
  const { last } = await trx
    .selectFrom('alias_history')
    .select((e) => e.fn.max('seq').as('last'))
    .where('name', '=', row.name)
    .executeTakeFirstOrThrow()
  const seq = Number(last ?? 0) + 1
  await trx.insertInto('alias_history').values({ ...row, seq }).execute()
  return seq
}

export function readHistory(db: Queries, name: string, alias: string | undefined): Promise<readonly HistoryRow[]> {
  let query = db.selectFrom('alias_history').selectAll().where('name', '=', name)
  if (alias !== undefined) query = query.where('alias', '=', alias)
  return query.orderBy('seq').execute()
}

/** The last move of the alias at or before `time`. */
export function moveAt(db: Queries, name: string, alias: string, time: number): Promise<HistoryRow | undefined> {
  return db
    .selectFrom('alias_history')
    .selectAll()
    .where('name', '=', name)
    .where('alias', '=', alias)
    .where('time', '<=', time)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
}
