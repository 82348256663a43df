import type { KeyValue, ModelVersion, RegisteredModel } from '../../api/tracking.ts'
import { groupBy, inChunks } from '../store.ts'
import type { Queries } from '../tables.ts'
import { type ModelRow, type VersionRow, latestByStage, listAliases } from './store.ts'

const pairs = (found: readonly KeyValue[] | undefined) => (found ?? []).map(({ key, value }) => ({ key, value }))
const versionKey = (row: { readonly name: string; readonly version: number }) => `${row.version}/${row.name}`

export async function presentVersions(db: Queries, rows: readonly VersionRow[]): Promise<readonly ModelVersion[]> {
  const names = [...new Set(rows.map((row) => row.name))]
  const numbers = [...new Set(rows.map((row) => row.version))]
  const tags = await inChunks(names, (chunk) =>
    inChunks(numbers, (versions) =>
      db.selectFrom('model_version_tags').selectAll().where('name', 'in', chunk).where('version', 'in', versions).orderBy('key').execute(),
    ),
  )
  const aliases = await inChunks(names, (chunk) => listAliases(db, chunk))
  const manifests = await inChunks(names, (chunk) =>
    inChunks(numbers, (versions) => db.selectFrom('model_manifests').select(['name', 'version', 'digest']).where('name', 'in', chunk).where('version', 'in', versions).execute()),
  )
  const digestOf = new Map(manifests.map((row) => [versionKey(row), row.digest]))
  const tagsOf = groupBy(tags, versionKey)
  const aliasesOf = groupBy(aliases, versionKey)
  return rows.map((row): ModelVersion => {
    const optional = { description: row.description, run_id: row.run_id, model_id: row.model_id, run_link: row.run_link, digest: digestOf.get(versionKey(row)) ?? null }
    const present = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== null && value !== ''))
    return {
      name: row.name,
      version: String(row.version),
      creation_timestamp: row.creation_time,
      last_updated_timestamp: row.last_update_time,
      current_stage: row.stage,
      source: row.source,
      status: 'READY',
      ...present,
      tags: pairs(tagsOf.get(versionKey(row))),
      aliases: (aliasesOf.get(versionKey(row)) ?? []).map(({ alias }) => alias),
    }
  })
}

export async function presentModels(db: Queries, rows: readonly ModelRow[]): Promise<readonly RegisteredModel[]> {
  const names = rows.map((row) => row.name)
  const tags = await inChunks(names, (chunk) => db.selectFrom('registered_model_tags').selectAll().where('name', 'in', chunk).orderBy('key').execute())
  const aliases = await inChunks(names, (chunk) => listAliases(db, chunk))
  const latest = await presentVersions(db, await inChunks(names, (chunk) => latestByStage(db, chunk)))
  const tagsOf = groupBy(tags, ({ name }) => name)
  const aliasesOf = groupBy(aliases, ({ name }) => name)
  const latestOf = groupBy(latest, ({ name }) => name)
  return rows.map((row): RegisteredModel => ({
    name: row.name,
    creation_timestamp: row.creation_time,
    last_updated_timestamp: row.last_update_time,
    ...(row.description === null || row.description === '' ? {} : { description: row.description }),
    latest_versions: latestOf.get(row.name) ?? [],
    tags: pairs(tagsOf.get(row.name)),
    aliases: (aliasesOf.get(row.name) ?? []).map(({ alias, version }) => ({ alias, version: String(version) })),
  }))
}
