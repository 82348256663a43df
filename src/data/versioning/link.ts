import {
  chmodSync, constants, copyFileSync, linkSync, lstatSync, mkdirSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync, type Stats,
} from 'node:fs'
import { randomBytes } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { MillraceError, errnoCode, toMillraceError } from '../../platform/errors/index.ts'
import type { LinkType } from './config.ts'

/**
 * Puts an object of the cache at `path`, by the first of `types` that the file systems allow, replacing what is there in one step. A copy
 * is writable (0644); a hard or symbolic link is the protected object itself. Throws DVC_MISSING_DATA where the object is gone.
 */
export function placeObject(object: string, path: string, types: readonly LinkType[], isexec = false): void {
  const temporary = join(dirname(path), `.${basename(path).slice(0, 80)}.${randomBytes(6).toString('hex')}.tmp`)
  try {
    mkdirSync(dirname(path), { recursive: true })
    const size = sizeOf(object)
    const used = types.find((type) => attempt(type, object, temporary, size))
    if (used === undefined) throw new MillraceError('NOT_WRITABLE', `${path}: none of the link types ${types.join(', ')} works from the cache to here; set cache.type to copy`)
    if (used === 'copy' || used === 'reflink') chmodSync(temporary, (isexec ? 0o777 : 0o666) & ~process.umask())
    else if (used === 'hardlink' && size === 0) chmodSync(temporary, (isexec ? 0o777 : 0o666) & ~process.umask())
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw toMillraceError(error, `checking out ${path}`)
  }
}

function sizeOf(object: string): number {
  try {
    return statSync(object).size
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') throw new MillraceError('DVC_MISSING_DATA', `${object}: gone from the cache`)
    throw error
  }
}

function attempt(type: LinkType, object: string, target: string, size: number): boolean {
  try {
    if (type === 'reflink') copyFileSync(object, target, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL)
    else if (type === 'symlink') symlinkSync(object, target)
    // Empty files are copied: linking them all to one inode would make one of them writable make all so.
    else if (type === 'hardlink' && size > 0) linkSync(object, target)
    else copyFileSync(object, target, constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    const code = errnoCode(error)
    if (type !== 'copy' && code !== undefined && UNSUPPORTED.has(code)) {
      rmSync(target, { force: true })
      return false
    }
    throw error
  }
}

const UNSUPPORTED = new Set(['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EINVAL', 'ENOTTY', 'EPERM', 'EMLINK'])

/** Is the file at `path` linked to its object in the way that `type` wants? Copies and reflinks look the same. */
export function isLinkedAs(type: LinkType, object: string, path: string): boolean {
  const here: Stats = lstatSync(path)
  const there = statSync(object)
  if (here.isSymbolicLink()) return type === 'symlink' && readlinkSync(path) === object
  if (type === 'hardlink') return (here.ino === there.ino && here.dev === there.dev) || there.size === 0
  return type !== 'symlink' && (here.ino !== there.ino || here.dev !== there.dev)
}
