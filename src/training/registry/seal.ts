import type { Manifest, Verification } from '../../api/registry.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { findModel as findLoggedModel } from '../tracking/logged-models/store.ts'
import type { TrainingContext } from '../context.ts'
import type { Queries } from '../tables.ts'
import { authorize } from './access.ts'
import type { Caller } from './caller.ts'
import type { RegistryContext } from './context.ts'
import { emit } from './events.ts'
import { type ManifestRow, findManifest, insertManifest, manifestAt, notSealed, presentManifest, readManifest, sealable, verifyManifest } from './manifests.ts'
import { lockModel, requireVersion } from './require.ts'
import * as store from './store.ts'

/**
 * Reads the files at `location` and does `work` with their manifest while nothing changes there. undefined where there is nothing to seal: the server does not
 * keep the files, there are none yet, or they belong to a logged model that is not ready.
 */
export async function withManifest<T>(context: TrainingContext, location: string, modelId: string | null, work: (manifest: ManifestRow | undefined) => Promise<T>): Promise<T> {
  const { db, blobs, seals, clock } = context
  const key = sealable(location)
  if (key === undefined || !(await isReady(db.kysely, modelId))) return work(undefined)
  return seals.whileStill(key, async () => {
    const now = clock.wall().getTime()
    const known = await manifestAt(db.kysely, key)
    return work(known === undefined ? await readManifest(blobs, key, now) : { ...known, sealedAt: now })
  })
}

/** Makes the manifest of a version that has none and answers it. NOT_FOUND where there is nothing to seal. */
export async function sealVersion(context: RegistryContext, model: string, version: number, by: Caller): Promise<Manifest> {
  authorize(context, by, 'version.seal', { model, version })
  const row = await requireVersion(context.db.kysely, model, version)
  const found = (await findManifest(context.db.kysely, model, version)) ?? (await seal(context, row, by))
  if (found === undefined) throw notSealed(model, version, row.storage_location)
  return presentManifest(model, version, found)
}

/** As `sealVersion`, but part of another change, and no error where there is nothing to seal. */
export async function sealIfUnsealed(context: TrainingContext, model: string, version: number, by: Caller): Promise<void> {
  const row = await store.findVersion(context.db.kysely, model, version)
  if (row === undefined || (await findManifest(context.db.kysely, model, version)) !== undefined) return
  await seal(context, row, by)
}

/** For versions that were registered from a logged model before it was ready. */
export async function sealVersionsOf(context: TrainingContext, modelId: string, by: Caller): Promise<void> {
  for (const { name, version } of await store.versionsOf(context.db.kysely, modelId)) await sealIfUnsealed(context, name, version, by)
}

export async function getManifest({ db }: TrainingContext, model: string, version: number): Promise<Manifest> {
  return presentManifest(model, version, await requireManifest(db.kysely, model, version))
}

/** Reads every file of the version again. NOT_FOUND where it was never sealed. */
export async function verifyVersion({ db, blobs }: TrainingContext, model: string, version: number): Promise<Verification> {
  return verifyManifest(blobs, model, version, await requireManifest(db.kysely, model, version))
}

async function requireManifest(db: Queries, model: string, version: number): Promise<ManifestRow> {
  const row = await requireVersion(db, model, version)
  const manifest = await findManifest(db, model, version)
  if (manifest === undefined) throw notSealed(model, version, row.storage_location)
  return manifest
}

function seal(context: TrainingContext, { name, version, storage_location: location, model_id: modelId }: store.VersionRow, by: Caller): Promise<ManifestRow | undefined> {
  return withManifest(context, location, modelId, async (manifest) => {
    if (manifest === undefined) return undefined
    return context.db.transaction(async (trx) => {
      await lockModel(trx, name)
      const present = await requireVersion(trx, name, version)
      if (present.storage_location !== location) throw new MillraceError('CONFLICT', `version ${version} of ${name} was replaced meanwhile`)
      const other = await findManifest(trx, name, version)
      if (other !== undefined) return other
      await insertManifest(trx, name, version, manifest)
      const { digest, files, size } = manifest
      await emit(trx, context.outbox, 'dev.millrace.model.version.sealed', { model: name, version: String(version), digest, files: files.length, size }, by)
      return manifest
    })
  })
}

async function isReady(db: Queries, modelId: string | null): Promise<boolean> {
  const model = modelId === null ? undefined : await findLoggedModel(db, modelId)
  return model === undefined || model.status === 'LOGGED_MODEL_READY'
}
