import { statSync, type Stats } from 'node:fs'
import { hasObject, type ObjectWriter } from './cache.ts'
import { md5File, md5Legacy, md5Of } from './digest.ts'
import type { ContentFacts } from './dvc-file.ts'
import { fileStat, walkFiles } from './walk.ts'
import { encodeTree, type TreeEntry } from './tree.ts'
import { nameOf } from './project.ts'
import type { Session } from './session.ts'

/** What a path holds now; for a folder, `entries` are its files. */
export interface Content extends ContentFacts {
  readonly size: number
  readonly entries?: readonly TreeEntry[]
}

/**
 * Hashes a file or folder; with a writer, its bytes also go into the writer's store. Undefined where there is nothing. `legacy` hashes
 * as DVC 2.x did.
 */
export function readContent(session: Session, path: string, writer?: ObjectWriter, legacy = false): Content | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) return undefined
  if (stat.isDirectory()) return readFolder(session, path, writer, legacy)
  const oid = hashFile(session, path, fileStat(path, stat), writer, legacy)
  return (stat.mode & 0o100) === 0 ? { oid, size: stat.size } : { oid, size: stat.size, isexec: true }
}

function readFolder(session: Session, path: string, writer: ObjectWriter | undefined, legacy: boolean): Content {
  let size = 0
  const entries = walkFiles(session, path).map((file): TreeEntry => {
    size += file.stat.size
    return { relpath: file.relpath, md5: hashFile(session, file.path, file.stat, writer, legacy) }
  })
  const tree = encodeTree(entries)
  const oid = writer ? writer.addText(tree, '.dir') : `${md5Of(tree)}.dir`
  return { oid, size, nfiles: entries.length, entries }
}

export function hashFile(session: Session, path: string, stat: Stats, writer?: ObjectWriter, legacy = false): string {
  if (legacy) return md5Legacy(path, stat.size)
  const name = nameOf(session.project, path)
  const known = session.hashes.get(name, stat)
  if (known !== undefined && (!writer || hasObject(session.project.config.cacheDir, known))) return known
  const md5 = writer ? writer.addFile(path, stat.size) : md5File(path, stat.size)
  session.hashes.put(name, stat, md5)
  return md5
}
