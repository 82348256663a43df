import { readFileSync } from 'node:fs'
import { hasObject, lstatIfAny, objectPath, readObject } from './cache.ts'
import { join } from 'node:path'
import { decodeTree, type TreeEntry } from './tree.ts'
import type { Session } from './session.ts'

/** What an output names in the cache: the object itself, and for a folder the files that it lists. */
export interface Known {
  /** Undefined for a file. */
  readonly entries: readonly TreeEntry[] | undefined
  /** Hashes that are not in the cache; where the folder's own object is missing, only that one. */
  readonly missing: readonly string[]
}

export interface StoredOut {
  readonly oid: string
  /** Of DVC 2.x: `<cache>/<2 hex>/…` without `files/md5`. */
  readonly legacy: boolean
}

export function lookUp(session: Session, out: StoredOut): Known {
  const { oid } = out
  const isFolder = oid.endsWith('.dir')
  if (!has(session, out, oid)) return { entries: isFolder ? [] : undefined, missing: [oid] }
  if (!isFolder) return { entries: undefined, missing: [] }
  const { cacheDir } = session.project.config
  const entries = decodeTree(out.legacy ? readLegacy(session, oid) : readObject(cacheDir, oid), locate(session, out, oid))
  return { entries, missing: entries.filter((entry) => !has(session, out, entry.md5)).map((entry) => entry.md5) }
}

/** The path of an object that the output names. */
export function locate(session: Session, out: StoredOut, oid: string): string {
  const { cacheDir } = session.project.config
  return out.legacy ? legacyPath(cacheDir, oid) : objectPath(cacheDir, oid)
}

function has(session: Session, out: StoredOut, oid: string): boolean {
  const { cacheDir } = session.project.config
  return out.legacy ? lstatIfAny(legacyPath(cacheDir, oid)) !== undefined : hasObject(cacheDir, oid)
}

function legacyPath(cacheDir: string, oid: string): string {
  return join(cacheDir, oid.slice(0, 2), oid.slice(2))
}

function readLegacy(session: Session, oid: string): string {
  return readFileSync(legacyPath(session.project.config.cacheDir, oid), 'utf8')
}
