import {
  chmodSync, closeSync, constants, copyFileSync, existsSync, fsyncSync, lstatSync, mkdirSync, openSync, readFileSync, readdirSync, renameSync, rmdirSync, rmSync, statSync,
  writeFileSync, type Stats,
} from 'node:fs'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { MillraceError, errnoCode, toMillraceError } from '../../platform/errors/index.ts'
import { syncFolder } from '../../platform/fs/index.ts'
import { copyAndHash, md5File, md5Of } from './digest.ts'

/** Where an object lies: `<cache>/files/md5/<2 hex>/<30 hex>[.dir]`, in DVC's cache as in a local-folder remote. */
export function objectPath(store: string, oid: string): string {
  return join(store, 'files', 'md5', oid.slice(0, 2), oid.slice(2))
}

/** An object as DVC trusts it: mode 0444 is the mark that its bytes were verified when it was stored. */
const OBJECT_MODE = 0o444

/**
 * Is the object there and whole? One with any other mode than 0444 is hashed again: if it fits it is protected, if not it is removed
 * (both as DVC does).
 */
export function hasObject(store: string, oid: string): boolean {
  const path = objectPath(store, oid)
  const stat = lstatIfAny(path)
  if (!stat) return false
  if ((stat.mode & 0o777) === OBJECT_MODE) return true
  if (`${md5File(path, stat.size)}${oid.endsWith('.dir') ? '.dir' : ''}` === oid) {
    chmodSync(path, OBJECT_MODE)
    return true
  }
  rmSync(path)
  return false
}

export function readObject(store: string, oid: string): string {
  return readFileSync(objectPath(store, oid), 'utf8')
}

export function lstatIfAny(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

/** From this many objects on, the whole file system is flushed once rather than each file. */
const MANY = 256
const CLONE_FROM = 1024 * 1024

/**
 * Puts objects into a store. Each is written to a temporary file; `commit` flushes them to disk and only then gives them their names, so
 * that a name never stands for part of an object, whatever dies. Nothing is visible before `commit`; `abort` leaves nothing behind.
 */
export class ObjectWriter {
  readonly #store: string
  readonly #folder: string
  readonly #pending = new Map<string, string>()
  #counter = 0
  #clones = true

  constructor(store: string) {
    this.#store = store
    this.#folder = join(store, '.millrace', `${process.pid}-${randomBytes(4).toString('hex')}`)
  }

  /** Stores the file's bytes and answers their MD5, which is of exactly the bytes stored. */
  addFile(path: string, size: number): string {
    const temporary = this.#temporary()
    try {
      const md5 = this.#clone(path, temporary, size) ?? copy(path, temporary, size)
      this.#keep(md5, temporary)
      return md5
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') throw error
      throw toMillraceError(error, `storing ${path} in the cache`)
    }
  }

  addText(text: string, suffix: '' | '.dir' = ''): string {
    const oid = md5Of(text) + suffix
    if (this.#pending.has(oid) || hasObject(this.#store, oid)) return oid
    const temporary = this.#temporary()
    writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' })
    this.#keep(oid, temporary)
    return oid
  }

  commit(): void {
    if (this.#pending.size > 0) {
      try {
        this.#publish()
      } catch (error) {
        throw toMillraceError(error, `storing objects in ${this.#store}`)
      }
    }
    this.abort()
  }

  abort(): void {
    this.#pending.clear()
    if (this.#counter === 0) return
    this.#counter = 0
    rmSync(this.#folder, { recursive: true, force: true })
    removeIfEmpty(dirname(this.#folder))
  }

  #publish(): void {
    flush([...this.#pending.values()], this.#store)
    const folders = new Set<string>()
    for (const [oid, temporary] of this.#pending) {
      const target = objectPath(this.#store, oid)
      const folder = dirname(target)
      if (!folders.has(folder)) mkdirSync(folder, { recursive: true })
      folders.add(folder)
      chmodSync(temporary, OBJECT_MODE)
      renameSync(temporary, target)
    }
    for (const folder of folders) syncFolder(folder)
  }

  #temporary(): string {
    if (this.#counter === 0) {
      sweep(dirname(this.#folder))
      mkdirSync(this.#folder, { recursive: true })
    }
    this.#counter += 1
    return join(this.#folder, String(this.#counter))
  }

  #keep(oid: string, temporary: string): void {
    if (this.#pending.has(oid) || hasObject(this.#store, oid)) rmSync(temporary)
    else this.#pending.set(oid, temporary)
  }

  /** A reflink, where the file system has them (btrfs, XFS, APFS): no bytes are copied. The clone is hashed, not the file, which may still change. */
  #clone(path: string, temporary: string, size: number): string | undefined {
    if (!this.#clones || size < CLONE_FROM) return undefined
    try {
      copyFileSync(path, temporary, constants.COPYFILE_FICLONE_FORCE)
    } catch (error) {
      if (errnoCode(error) === 'ENOENT' || errnoCode(error) === 'ENOSPC') throw error
      this.#clones = false
      rmSync(temporary, { force: true })
      return undefined
    }
    return md5File(temporary, size)
  }
}

function copy(from: string, to: string, size: number): string {
  const fd = openSync(to, 'wx', 0o600)
  try {
    return copyAndHash(from, fd, size)
  } finally {
    closeSync(fd)
  }
}

function flush(files: readonly string[], folder: string): void {
  // coreutils' `sync -f` is syncfs(2), which Node does not offer.
  if (files.length >= MANY && spawnSync('sync', ['-f', folder], { stdio: 'ignore' }).status === 0) return
  for (const file of files) {
    const fd = openSync(file, 'r')
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch (error) {
    // Another writer is at work in it, or has removed it.
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errnoCode(error) ?? '')) throw error
  }
}

/** Removes what processes that died have left of their temporary files. */
function sweep(folder: string): void {
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) {
    const pid = Number(name.split('-')[0])
    const old = statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? Infinity
    // A shared cache may be in use from another machine or container, where the process id means someone else.
    if (Number.isInteger(pid) && pid > 0 && !isAlive(pid) && Date.now() - old > 600_000) rmSync(join(folder, name), { recursive: true, force: true })
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, and is someone else's.
    return errnoCode(error) === 'EPERM'
  }
}

/** The size of an object that is there. Throws DVC_MISSING_DATA. */
export function objectSize(store: string, oid: string): number {
  const stat = statSync(objectPath(store, oid), { throwIfNoEntry: false })
  if (!stat) throw new MillraceError('DVC_MISSING_DATA', `${oid}: not in the cache ${store}`)
  return stat.size
}
