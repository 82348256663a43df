import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { MillraceError, toMillraceError } from '../errors/index.ts'
import { isBusy } from './sqlite.ts'

/** Only locked, never written. */
const FILE = 'in-use'
/** A connection that nobody refers to is closed by the garbage collector, and its lock is gone. */
const held = new Set<DatabaseSync>()

/**
 * Keeps every other holder out of `folder`, in this process and all others of the machine, until what it returns is called or the process ends, in whatever way: the lock is
 * the kernel's (an exclusive transaction of SQLite), so a kill -9 frees it at once. Whoever only reads there need not ask. FOLDER_IN_USE where another has it.
 */
export function lockFolder(folder: string, owner: string): () => void {
  const file = join(folder, FILE)
  let connection: DatabaseSync | undefined
  try {
    // SQLite would say only that it cannot open a file.
    accessSync(folder, constants.W_OK)
    connection = new DatabaseSync(file)
    // Without a journal in a file there is nothing to leave behind.
    connection.exec('pragma journal_mode = memory; begin exclusive')
  } catch (error) {
    connection?.close()
    if (!isBusy(error)) throw toMillraceError(error, `locking ${file}`)
    throw new MillraceError(
      'FOLDER_IN_USE',
      `${folder}: another process of ${owner} has it open, and two must not write the same files. Stop that one, or give this one a folder of its own: storage.folder, MILLRACE_STORAGE_FOLDER or --data`,
      { cause: error },
    )
  }
  const lock = connection
  held.add(lock)
  return () => {
    held.delete(lock)
    lock.close()
  }
}
