import { closeSync, fsyncSync, mkdirSync, openSync, realpathSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { randomBytes } from 'node:crypto'
import { MillraceError, errnoCode, toMillraceError } from '../errors/index.ts'

/**
 * Replaces `file` with `content` so that a reader, or a start after a kill, sees the old content or the new, never a part:
 * temporary file in the same folder, fsync, rename, fsync of the folder. The folder is made if it is missing.
 */
export function writeFileDurable(file: string, content: string | Uint8Array, mode = 0o644): void {
  const folder = dirname(file)
  const temporary = join(folder, `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`)
  makeFolder(folder)
  try {
    const fd = openSync(temporary, 'wx', mode)
    try {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, file)
    syncFolder(folder)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw toMillraceError(error, `writing ${file}`)
  }
}

/**
 * Makes a folder and those above it. Not `mkdir` with `recursive`: on a read-only file system Node reports that as ENOENT, and nobody would understand why.
 */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path)
  } catch (error) {
    const code = errnoCode(error)
    if (code === 'ENOENT' && dirname(path) !== path) {
      makeFolder(dirname(path))
      makeFolder(path)
    } else if (code !== 'EEXIST' || !statSync(path).isDirectory()) {
      throw toMillraceError(error, `making the folder ${path}`)
    }
  }
}

/** Makes renames and new names in `folder` survive a loss of power. Where a file system cannot sync folders, that is no error. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } catch (error) {
    const code = errnoCode(error)
    if (code !== 'EINVAL' && code !== 'ENOTSUP' && code !== 'EPERM') throw error
  } finally {
    closeSync(fd)
  }
}

/**
 * `path` below `root`, as an absolute path. Refuses (PATH_OUTSIDE_ROOT) whatever would leave the root: `..`, absolute paths,
 * NUL, backslashes and drive letters, and symbolic links in the part that exists.
 */
export function insideRoot(root: string, path: string): string {
  const refuse = (why: string) => new MillraceError('PATH_OUTSIDE_ROOT', `${JSON.stringify(path)}: ${why}; expected a relative path below the root`)
  if (path.includes('\0')) throw refuse('it holds a NUL character')
  if (path.includes('\\')) throw refuse('it holds a backslash')
  if (isAbsolute(path) || /^[a-zA-Z]:/.test(path)) throw refuse('it is absolute')
  if (path.split('/').includes('..')) throw refuse('it holds ".."')
  const full = resolve(root, path)
  const real = realpathOfExisting(full)
  const realRoot = realpathOfExisting(resolve(root))
  if (real !== realRoot && !real.startsWith(realRoot + sep)) throw refuse('a symbolic link leads out of the root')
  return full
}

function realpathOfExisting(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    if (errnoCode(error) !== 'ENOENT') throw error
    const parent = dirname(path)
    return parent === path ? path : join(realpathOfExisting(parent), relative(parent, path))
  }
}
