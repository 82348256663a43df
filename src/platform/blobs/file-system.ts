import { randomBytes } from 'node:crypto'
import { createReadStream, mkdirSync, rmSync } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { MillraceError, errnoCode, toMillraceError } from '../errors/index.ts'
import { insideRoot, syncFolder } from '../fs/index.ts'
import { checkKey } from './key.ts'
import type { BlobEntry, Blobs } from './port.ts'

/** Where unfinished puts lie: inside the root, so that the rename stays on one file system; no key may begin with it. */
const INCOMING = '.incoming'
/** Bytes of one write; two groups are held at a time. */
const GROUP_BYTES = 1024 * 1024
/** Bytes after which the disk is asked to take what was written so far. */
const SYNC_BYTES = 64 * 1024 * 1024
/** Of one read: larger ones cost fewer turns, and hold more memory for each download. */
const READ_BYTES = 256 * 1024
const SETTLED = Promise.resolve()

/**
 * Blobs as files below `root`. One process owns a root: what a killed one left unfinished is removed here, at the start.
 * Symbolic links below the root are never followed out of it.
 */
export function fileBlobs(root: string): Blobs {
  const incoming = join(root, INCOMING)
  try {
    rmSync(incoming, { recursive: true, force: true })
    mkdirSync(incoming, { recursive: true })
  } catch (error) {
    throw toMillraceError(error, `making the folder for artifacts, ${root}`)
  }
  const place = (key: string): string => {
    checkKey(key)
    if (key === INCOMING || key.startsWith(`${INCOMING}/`)) {
      throw new MillraceError('PATH_OUTSIDE_ROOT', `${JSON.stringify(key)}: ${INCOMING} is kept for unfinished uploads`)
    }
    return insideRoot(root, key)
  }

  return {
    put: async (key, content) => {
      const temporary = join(incoming, randomBytes(12).toString('hex'))
      try {
        const file = place(key)
        const size = await writeSynced(temporary, content)
        await makeFolders(root, dirname(file))
        await rename(temporary, file)
        syncFolder(dirname(file))
        return { size }
      } catch (error) {
        await rm(temporary, { force: true })
        throw putError(error, key)
      }
    },
    get: async (key) => {
      const handle = await openFile(() => place(key), key)
      const { size } = await handle.stat()
      // An open file keeps its content when the name is given to another one or removed.
      return { size, body: createReadStream('', { fd: handle, highWaterMark: READ_BYTES }) }
    },
    stat: async (key) => {
      const name = key.split('/').at(-1) ?? ''
      try {
        const found = await stat(place(key))
        return found.isDirectory() ? { name, folder: true } : { name, folder: false, size: found.size }
      } catch (error) {
        if (isMissing(error)) return undefined
        throw toMillraceError(error, key)
      }
    },
    list: async (folder) => {
      try {
        const path = folder === '' ? root : place(folder)
        const entries = await readdir(path, { withFileTypes: true })
        const listed = entries
          .filter((entry) => (entry.isFile() || entry.isDirectory()) && !(folder === '' && entry.name === INCOMING))
          .map(async ({ name }): Promise<BlobEntry> => {
            const found = await stat(join(path, name))
            return found.isDirectory() ? { name, folder: true } : { name, folder: false, size: found.size }
          })
        return (await Promise.all(listed)).sort((a, b) => (a.name < b.name ? -1 : 1))
      } catch (error) {
        if (isMissing(error)) return []
        throw toMillraceError(error, folder)
      }
    },
    delete: async (key) => {
      try {
        await rm(place(key), { recursive: true, force: true })
      } catch (error) {
        if (!isMissing(error)) throw toMillraceError(error, `deleting ${key}`)
      }
    },
  }
}

/** One group of chunks is written while the next one arrives; the disk gets what is written all along, so that little is left to wait for at the end. */
async function writeSynced(file: string, content: Uint8Array | AsyncIterable<Uint8Array>): Promise<number> {
  const handle = await open(file, 'wx', 0o644)
  let [writing, syncing] = [SETTLED, SETTLED]
  try {
    let [size, unsynced] = [0, 0]
    let group: Uint8Array[] = []
    let grouped = 0
    const flush = async (): Promise<void> => {
      await writing
      writing = watched(writeAll(handle, group))
      ;[group, grouped] = [[], 0]
    }
    for await (const chunk of content instanceof Uint8Array ? [content] : content) {
      group.push(chunk)
      grouped += chunk.byteLength
      size += chunk.byteLength
      unsynced += chunk.byteLength
      if (grouped >= GROUP_BYTES) await flush()
      if (unsynced < SYNC_BYTES) continue
      unsynced = 0
      await syncing
      syncing = watched(handle.datasync())
    }
    await flush()
    await writing
    await syncing
    await handle.sync()
    return size
  } finally {
    // Nothing may use the handle any more when it is closed.
    await Promise.allSettled([writing, syncing])
    await handle.close()
  }
}

/** Whoever waits for it hears of its failure; until then that is nobody's. */
function watched(work: Promise<void>): Promise<void> {
  work.catch(() => undefined)
  return work
}

async function writeAll(handle: FileHandle, chunks: Uint8Array[]): Promise<void> {
  while (chunks.length > 0) {
    let { bytesWritten: left } = await handle.writev(chunks)
    while (chunks[0] !== undefined && left >= chunks[0].byteLength) left -= chunks.shift()?.byteLength ?? 0
    if (chunks[0] !== undefined && left > 0) chunks[0] = chunks[0].subarray(left)
  }
}

/** Makes the folders between `root` and `folder`, each one durable in the one above it. */
async function makeFolders(root: string, folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  const made = relative(dirname(first), folder).split(sep)
  for (let i = 0; i < made.length; i++) syncFolder(join(dirname(first), ...made.slice(0, i)))
  syncFolder(root)
}

async function openFile(place: () => string, key: string): Promise<FileHandle> {
  try {
    const handle = await open(place(), 'r')
    if ((await handle.stat()).isFile()) return handle
    await handle.close()
  } catch (error) {
    if (!isMissing(error)) throw toMillraceError(error, key)
  }
  throw new MillraceError('NOT_FOUND', `${key}: there is no such file`)
}

/** ENOTDIR: a part of the path is a file, so nothing can be below it. */
function isMissing(error: unknown): boolean {
  return errnoCode(error) === 'ENOENT' || errnoCode(error) === 'ENOTDIR'
}

function putError(error: unknown, key: string): MillraceError {
  switch (errnoCode(error)) {
    case 'EISDIR':
    case 'ENOTEMPTY':
      return new MillraceError('CONFLICT', `${key} is a folder`, { cause: error })
    case 'EEXIST':
    case 'ENOTDIR':
      return new MillraceError('CONFLICT', `${key}: a part of its path is a file`, { cause: error })
    case 'ECONNRESET':
    case 'ERR_STREAM_PREMATURE_CLOSE':
      return new MillraceError('CANCELLED', `${key}: the upload broke off; nothing was stored`, { cause: error })
    default:
      return toMillraceError(error, `storing ${key}`)
  }
}
