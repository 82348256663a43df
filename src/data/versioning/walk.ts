import { readdirSync, statSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { MillraceError, errnoCode } from '../../platform/errors/index.ts'
import { nameOf } from './project.ts'
import type { Session } from './session.ts'

export interface FoundFile {
  /** Below the folder walked, with `/`. */
  readonly relpath: string
  readonly path: string
  readonly stat: Stats
}

/**
 * Every file below `folder` that `.dvcignore` lets through, in no particular order. As DVC does, a link to a file
 * counts as the file, a link to a folder is passed over; empty folders leave no trace. Throws DVC_PATH_INVALID for what DVC refuses: a broken
 * link, a name that is not UTF-8, a `.dvcignore` inside.
 */
export function walkFiles(session: Session, folder: string): readonly FoundFile[] {
  const found: FoundFile[] = []
  const visit = (path: string, prefix: string): void => {
    const name = nameOf(session.project, path)
    for (const entry of list(path)) {
      const child = `${path}/${entry.name}`
      const relpath = prefix + entry.name
      const stat = entry.isSymbolicLink() ? follow(child) : undefined
      const isFolder = stat ? stat.isDirectory() : entry.isDirectory()
      if (session.ignore.ignores(name, entry.name, isFolder)) continue
      if (isFolder) {
        if (!stat) visit(child, `${relpath}/`)
        continue
      }
      if (entry.name === '.dvcignore') throw new MillraceError('DVC_PATH_INVALID', `${child}: a .dvcignore inside tracked data; move it above the folder`)
      found.push({ relpath, path: child, stat: fileStat(child, stat) })
    }
  }
  visit(folder, '')
  return found
}

/** The stat of a regular file, links followed. Throws DVC_PATH_INVALID for a socket, a pipe, a device. */
export function fileStat(path: string, known?: Stats): Stats {
  const stat = known ?? statSync(path)
  if (!stat.isFile()) throw new MillraceError('DVC_PATH_INVALID', `${path}: neither a file nor a folder`)
  return stat
}

function list(path: string) {
  const entries = readdirSync(path, { withFileTypes: true })
  if (entries.some((entry) => entry.name.includes('\ufffd'))) refuseForeignNames(path)
  return entries
}

/** U+FFFD may be a character of the name, or Node's sign for bytes that are not UTF-8; only the bytes tell. */
function refuseForeignNames(path: string): void {
  for (const name of readdirSync(path, { encoding: 'buffer' })) {
    const text = name.toString('utf8')
    if (!Buffer.from(text).equals(name)) throw new MillraceError('DVC_PATH_INVALID', `${join(path, text)}: the name is not UTF-8`)
  }
}

function follow(path: string): Stats {
  try {
    return statSync(path)
  } catch (error) {
    const code = errnoCode(error)
    if (code === 'ENOENT' || code === 'ELOOP') throw new MillraceError('DVC_PATH_INVALID', `${path}: a broken symbolic link`)
    throw error
  }
}
