import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { MillraceError, toMillraceError } from '../../platform/errors/index.ts'
import { hasObject, objectPath, objectSize, readObject } from './cache.ts'
import { copyAndHash } from './digest.ts'
import type { Project } from './project.ts'
import { decodeTree } from './tree.ts'

export interface TransferOptions {
  /** Its name in the configuration; `core.remote` without it. */
  readonly remote?: string
  /** The objects to move; folders stand for their files too. */
  readonly wanted: readonly string[]
  readonly runCache?: boolean
}

export interface TransferResult {
  /** The folder. */
  readonly remote: string
  readonly objects: number
  readonly bytes: number
}

/**
 * Copies to a remote that is a local folder what it lacks. A folder's own object goes last, so that a remote that has it has its files. Throws
 * CONFIG_INVALID for a remote of another kind, DVC_MISSING_DATA for what is in neither place.
 */
export function push(project: Project, options: TransferOptions): TransferResult {
  const remote = remoteFolder(project, options.remote)
  return transfer(project.config.cacheDir, remote, remote, options)
}

/** Copies from the remote what the cache lacks. Every object is hashed on the way; one that is not what its name says is refused (DVC_CACHE_CORRUPT). */
export function pull(project: Project, options: TransferOptions): TransferResult {
  const remote = remoteFolder(project, options.remote)
  return transfer(remote, project.config.cacheDir, remote, options)
}

function remoteFolder(project: Project, name = project.config.defaultRemote): string {
  const { remotes } = project.config
  if (name === undefined) throw new MillraceError('CONFIG_INVALID', `${project.dvcDir}/config: no remote is set (core.remote); add one with \`dvc remote add -d NAME FOLDER\``)
  const url = remotes.get(name)
  if (url === undefined) throw new MillraceError('CONFIG_INVALID', `${project.dvcDir}/config: there is no remote ${JSON.stringify(name)}; there are: ${[...remotes.keys()].join(', ') || 'none'}`)
  const path = url.replace(/^file:\/\//, '')
  if (/^[a-z0-9+]+:\/\//i.test(path)) throw new MillraceError('CONFIG_INVALID', `remote ${name} is ${url}; Millrace moves data to and from local folders, for others use \`dvc push\` and \`dvc pull\``)
  return path
}

function transfer(from: string, to: string, remote: string, options: TransferOptions): TransferResult {
  let objects = 0
  let total = 0
  const move = (oid: string): void => {
    if (hasObject(to, oid)) return
    if (!existsSync(objectPath(from, oid))) throw new MillraceError('DVC_MISSING_DATA', `${oid}: in neither ${from} nor ${to}`)
    total += copyObject(from, to, oid)
    objects += 1
  }
  for (const oid of new Set(options.wanted)) {
    if (!oid.endsWith('.dir')) {
      move(oid)
      continue
    }
    // Only what holds the list can tell the files; where neither side has it, `move` says so.
    const source = existsSync(objectPath(from, oid)) ? from : to
    if (existsSync(objectPath(source, oid))) for (const entry of decodeTree(readObject(source, oid), objectPath(source, oid))) move(entry.md5)
    move(oid)
  }
  if (options.runCache) objects += copyRuns(join(from, 'runs'), join(to, 'runs'))
  return { remote, objects, bytes: total }
}

function copyObject(from: string, to: string, oid: string): number {
  const size = objectSize(from, oid)
  const found = copyDurably(objectPath(from, oid), objectPath(to, oid), size, 0o444, (md5) => {
    if (md5 !== oid.replace(/\.dir$/, '')) throw new MillraceError('DVC_CACHE_CORRUPT', `${objectPath(from, oid)}: its content has the MD5 ${md5}`)
  })
  return found ? size : 0
}

/** Temporary file, flush, rename. `check` may refuse by throwing; then nothing is left. */
function copyDurably(from: string, to: string, size: number, mode: number, check: (md5: string) => void): boolean {
  const temporary = join(dirname(to), `.${randomBytes(8).toString('hex')}.tmp`)
  try {
    mkdirSync(dirname(to), { recursive: true })
    const fd = openSync(temporary, 'wx', mode)
    try {
      check(copyAndHash(from, fd, size))
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, to)
    return true
  } catch (error) {
    rmSync(temporary, { force: true })
    throw toMillraceError(error, `copying ${from} to ${to}`)
  }
}

function copyRuns(from: string, to: string): number {
  if (!existsSync(from)) return 0
  let copied = 0
  for (const name of readdirSync(from, { recursive: true, withFileTypes: true })) {
    if (!name.isFile() || !/^[0-9a-f]{64}$/.test(name.name)) continue
    const source = join(name.parentPath, name.name)
    const target = join(to, source.slice(from.length))
    if (!existsSync(target)) {
      copyDurably(source, target, 0, 0o644, () => undefined)
      copied += 1
    }
  }
  return copied
}
