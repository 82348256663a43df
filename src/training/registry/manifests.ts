import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { Manifest, ManifestFile, Verification } from '../../api/registry.ts'
import type { Blobs } from '../../platform/blobs/index.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { manifestDigest } from '../../domain/manifest.ts'
import { invalid } from '../mlflow/errors.ts'
import type { Queries } from '../tables.ts'
import { keyOf } from '../tracking/artifacts/uri.ts'

/** Files of one model; beyond that somebody has registered something else. */
const MOST_FILES = 100_000

export interface ManifestRow {
  readonly location: string
  readonly digest: string
  readonly files: readonly ManifestFile[]
  readonly size: number
  readonly sealedAt: number
}

/** Reads every file below `location`, a key of the store. undefined where there is none. */
export async function readManifest(blobs: Blobs, location: string, sealedAt: number): Promise<ManifestRow | undefined> {
  const files: ManifestFile[] = []
  for await (const path of pathsBelow(blobs, location, '')) {
    if (files.length === MOST_FILES) throw invalid(`${location} holds more than ${MOST_FILES} files: a model version is registered from a folder of its own`)
    files.push({ path, ...(await hashFile(blobs, `${location}/${path}`)) })
  }
  if (files.length === 0) return undefined
  return { location, digest: manifestDigest(files), files, size: files.reduce((sum, { size }) => sum + size, 0), sealedAt }
}

/** The manifest of whatever version is registered from that location: they all have the same files. */
export async function manifestAt(db: Queries, location: string): Promise<ManifestRow | undefined> {
  const row = await db.selectFrom('model_manifests').selectAll().where('location', '=', location).limit(1).executeTakeFirst()
  return row && present(row)
}

export async function findManifest(db: Queries, name: string, version: number): Promise<ManifestRow | undefined> {
  const row = await db.selectFrom('model_manifests').selectAll().where('name', '=', name).where('version', '=', version).executeTakeFirst()
  return row && present(row)
}

export async function insertManifest(trx: Queries, name: string, version: number, { location, digest, files, size, sealedAt }: ManifestRow): Promise<void> {
  await trx.insertInto('model_manifests').values({ name, version, location, digest, files: JSON.stringify(files), size, sealed_at: sealedAt }).execute()
}

export function presentManifest(model: string, version: number, row: ManifestRow): Manifest {
  return { model, version: String(version), digest: row.digest, size: row.size, sealed_at: new Date(row.sealedAt).toISOString(), files: row.files }
}

/** Reads the files again and compares them with what was registered. */
export async function verifyManifest(blobs: Blobs, model: string, version: number, expected: ManifestRow): Promise<Verification> {
  const found = await readManifest(blobs, expected.location, expected.sealedAt)
  const now = new Map((found?.files ?? []).map((file) => [file.path, file]))
  const then = new Map(expected.files.map((file) => [file.path, file]))
  const changed = expected.files.flatMap((file): Verification['problems'] => {
    const other = now.get(file.path)
    if (other === undefined) return [{ path: file.path, problem: 'missing', expected: file, found: null }]
    return other.sha256 === file.sha256 && other.size === file.size ? [] : [{ path: file.path, problem: 'changed', expected: file, found: other }]
  })
  const added = [...now.values()].filter(({ path }) => !then.has(path)).map((file): Verification['problems'][number] => ({ path: file.path, problem: 'added', expected: null, found: file }))
  const problems = [...changed, ...added]
  // The stored manifest itself may have been edited: its digest was told when the version was sealed, and stands in the event log.
  const ok = problems.length === 0 && manifestDigest(expected.files) === expected.digest
  return { model, version: String(version), ok, digest: expected.digest, found: found?.digest ?? null, files: expected.files.length, size: expected.size, problems }
}

/** The key of files that the server keeps; undefined for those that it does not. */
export function sealable(location: string): string | undefined {
  return keyOf(location)
}

async function* pathsBelow(blobs: Blobs, root: string, folder: string): AsyncIterable<string> {
  for (const entry of await blobs.list(posix.join(root, folder))) {
    const path = posix.join(folder, entry.name)
    if (entry.folder) yield* pathsBelow(blobs, root, path)
    else yield path
  }
}

async function hashFile(blobs: Blobs, key: string): Promise<{ readonly size: number; readonly sha256: string }> {
  const { body } = await blobs.get(key)
  const hash = createHash('sha256')
  let size = 0
  for await (const part of body) {
    const bytes: Uint8Array = part
    hash.update(bytes)
    size += bytes.byteLength
  }
  return { size, sha256: hash.digest('hex') }
}

function present(row: { readonly location: string; readonly digest: string; readonly files: string; readonly size: number; readonly sealed_at: number }): ManifestRow {
  const files: readonly ManifestFile[] = JSON.parse(row.files)
  return { location: row.location, digest: row.digest, files, size: row.size, sealedAt: row.sealed_at }
}

export function notSealed(model: string, version: number, location: string): MillraceError {
  const why = sealable(location) === undefined ? `its files are at ${location}, which this server does not keep` : 'it had no files when it was registered; seal it when it has'
  return new MillraceError('NOT_FOUND', `Model Version (name=${model}, version=${version}) has no manifest: ${why}`)
}
