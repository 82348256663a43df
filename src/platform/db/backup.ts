import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { MillraceError, errorMessage } from '../errors/index.ts'
import { makeFolder, syncFolder } from '../fs/index.ts'

/** Copies of one database that are kept, the newest. */
const KEPT = 3

/**
 * Copies what is committed of the SQLite database at `path` to `backups/` beside it, and returns the copy's path. The copy is whole or not there; it is an
 * ordinary database: to restore it, stop the service, remove the `-wal` and `-shm` files and put the copy in the database's place.
 * Throws MIGRATION_FAILED where there is no room for it.
 */
export function backUp(path: string, label: string): string {
  const folder = join(dirname(path), 'backups')
  const name = basename(path, '.db')
  const target = join(folder, `${name}-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}-${label}.db`)
  const unfinished = `${target}.part`
  makeFolder(folder)
  for (const file of readdirSync(folder)) if (file.startsWith(`${name}-2`) && file.endsWith('.part')) rmSync(join(folder, file), { force: true })
  const reader = new DatabaseSync(path, { readOnly: true })
  try {
    reader.exec('pragma busy_timeout = 10000')
    reader.prepare('vacuum into ?').run(unfinished)
    syncFile(unfinished)
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw new MillraceError('MIGRATION_FAILED', `no migration was begun: ${path} could not be backed up to ${folder}: ${errorMessage(error)}`, { cause: error })
  } finally {
    reader.close()
  }
  renameSync(unfinished, target)
  syncFolder(folder)
  const copies = readdirSync(folder).filter((file) => file.startsWith(`${name}-2`) && file.endsWith('.db')).toSorted()
  for (const file of copies.slice(0, -KEPT)) rmSync(join(folder, file), { force: true })
  return target
}

function syncFile(file: string): void {
  const fd = openSync(file, 'r+')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
