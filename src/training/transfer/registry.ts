import { MillraceError } from '../../platform/errors/index.ts'
import type { TrainingContext } from '../context.ts'
import { invalid } from '../mlflow/errors.ts'
import { toInteger, toKeyValues } from '../mlflow/fields.ts'
import { findManifest } from '../registry/manifests.ts'
import { findVersion } from '../registry/store.ts'
import type { Queries } from '../tables.ts'
import { checkLocation, checkUriPath } from '../tracking/artifacts/uri.ts'
import type { ImportedRegisteredModel, ImportedVersion } from './schema.ts'
import { checkModelName } from './service.ts'

const STAGES = ['None', 'Staging', 'Production', 'Archived']

/**
 * A registered model with some of its versions, numbered as they were. It tells nobody: what happened elsewhere and long ago is no news. Aliases are then
 * moved through the ordinary API, with their events and their history.
 */
export async function importRegistered({ db }: TrainingContext, given: ImportedRegisteredModel, versions: readonly ImportedVersion[]): Promise<void> {
  checkModelName(given.name)
  const rows = versions.map(versionRow)
  const last = Math.max(0, ...rows.map(({ version }) => version))
  await db.transaction(async (trx) => {
    const row = {
      name: given.name,
      description: given.description ?? null,
      creation_time: toInteger(given.creation_time, 'creation_time'),
      last_update_time: toInteger(given.last_update_time, 'last_update_time'),
    }
    await trx.insertInto('registered_models').values({ ...row, last_version: last }).onConflict((c) => c.column('name').doUpdateSet(row)).execute()
    await trx.updateTable('registered_models').set({ last_version: last }).where('name', '=', given.name).where('last_version', '<', last).execute()
    for (const { key, value } of toKeyValues(given.tags)) {
      await trx.insertInto('registered_model_tags').values({ name: given.name, key, value }).onConflict((c) => c.columns(['name', 'key']).doUpdateSet({ value })).execute()
    }
    for (const [i, version] of rows.entries()) {
      if (version.name !== given.name) throw invalid(`versions[${i}].name: found ${version.name}, expected ${given.name}`)
      await refuseOtherFiles(trx, version)
      await trx.insertInto('model_versions').values(version).onConflict((c) => c.columns(['name', 'version']).doUpdateSet(version)).execute()
      await putTags(trx, version.name, version.version, versions[i]?.tags)
    }
  })
}

/** A number that was given a second time elsewhere, to other files, is not that version. */
async function refuseOtherFiles(trx: Queries, { name, version, storage_location: location }: ReturnType<typeof versionRow>): Promise<void> {
  const before = await findVersion(trx, name, version)
  if (before === undefined || before.storage_location === location || (await findManifest(trx, name, version)) === undefined) return
  throw new MillraceError('CONFLICT', `version ${version} of ${name} is here already, sealed with the files at ${before.storage_location} and not those at ${location}`)
}

async function putTags(trx: Queries, name: string, version: number, tags: ImportedVersion['tags']): Promise<void> {
  for (const { key, value } of toKeyValues(tags)) {
    await trx
      .insertInto('model_version_tags')
      .values({ name, version, key, value })
      .onConflict((c) => c.columns(['name', 'version', 'key']).doUpdateSet({ value }))
      .execute()
  }
}

function versionRow(given: ImportedVersion) {
  checkUriPath(given.source, 'source')
  // A prompt's source is a word.
  if (/^[\w+.-]+:/.test(given.storage_location) && !/^(runs|models):/.test(given.storage_location)) checkLocation(given.storage_location, 'storage_location')
  else checkUriPath(given.storage_location, 'storage_location')
  if (given.storage_location.startsWith('/')) throw invalid(`Invalid value ${JSON.stringify(given.storage_location)} for parameter 'storage_location' supplied: it is a path of a file system`)
  if (!STAGES.includes(given.stage)) throw invalid(`Invalid Model Version stage: ${given.stage}. Value must be one of ${STAGES.join(', ')}.`)
  return {
    name: given.name,
    version: toInteger(given.version, 'version'),
    source: given.source,
    storage_location: given.storage_location,
    run_id: given.run_id ?? null,
    model_id: given.model_id ?? null,
    run_link: given.run_link ?? null,
    description: given.description ?? null,
    stage: given.stage,
    creation_time: toInteger(given.creation_time, 'creation_time'),
    last_update_time: toInteger(given.last_update_time, 'last_update_time'),
  }
}
