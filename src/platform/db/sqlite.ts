import { existsSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import { GenericSqliteDialect } from 'kysely-generic-sqlite'
import { LRUCache } from 'lru-cache'
import { MillraceError, errorMessage, toMillraceError } from '../errors/index.ts'
import { makeFolder } from '../fs/index.ts'
import { backUp } from './backup.ts'
import { type MigrationHost, type MigrationStatus, migrate, rollBack, statusOf } from './migrate.ts'
import type { Database, DatabaseCapabilities, DatabaseOptions } from './port.ts'
import { SqliteStatements } from './sqlite-statements.ts'

const capabilities: DatabaseCapabilities = { bytesType: 'blob', sharedByProcesses: false, caseSensitiveLike: true, clustered: 'without rowid', byteOrder: 'binary' }
const PREPARED_STATEMENTS = 500
/** Bytes: a new database with its log and shared memory. */
const ROOM_TO_START = 256 * 1024
const BUSY_TIMEOUT_MS = 10_000
/** Pages that are changed again and again are written back once for so many in the log: 32 MB. */
const PAGES_OF_LOG = 8000
/** Searches look up many rows all over the file; the writer mostly adds. */
const READERS_CACHE_KB = 32_000
/** How long a start waits for another process that migrates. */
const MIGRATION_WAIT_MS = 600_000
/** https://www.sqlite.org/rescode.html#busy; the upper bytes say more. */
const SQLITE_BUSY = 5

/** SQLite through node:sqlite: one connection, write-ahead log, one writer at a time. `path` is a file or `:memory:`. */
export async function openSqlite<S>(path: string, options: DatabaseOptions): Promise<Database<S>> {
  const connection = connect(path, options)
  const kysely = new Kysely<S>({ dialect: new GenericSqliteDialect(() => executor(connection)) })
  try {
    await migrate(hostOf(kysely, connection, path), options.migrations)
    // A database in memory has one connection only.
    return path === ':memory:' ? overOne(kysely, connection) : overTwo(kysely, connection, connectToRead(path))
  } catch (error) {
    await kysely.destroy()
    throw whenFull(error, path)
  }
}

function overOne<S>(kysely: Kysely<S>, connection: DatabaseSync): Database<S> {
  const statements = new SqliteStatements(connection)
  return {
    kysely,
    reading: kysely,
    capabilities,
    transaction: (work) => kysely.transaction().execute(work),
    // Outside a transaction it waits for the one that may be using the connection.
    each: async (on, statement, rows) => (on.isTransaction ? statements.run(statement, rows) : kysely.connection().execute(async () => statements.run(statement, rows))),
    close: () => kysely.destroy(),
  }
}

/** Readers have a connection of their own: they see what is committed, whatever the writer is at. */
function overTwo<S>(kysely: Kysely<S>, connection: DatabaseSync, reader: DatabaseSync): Database<S> {
  const reading = new Kysely<S>({ dialect: new GenericSqliteDialect(() => executor(reader)) })
  const written = new SqliteStatements(connection)
  const read = new SqliteStatements(reader)
  return {
    kysely,
    reading,
    capabilities,
    transaction: (work) => kysely.transaction().execute(work),
    each: async (on, statement, rows) => (on.isTransaction ? written : read).run(statement, rows),
    close: async () => {
      await kysely.destroy()
      if (reader.isOpen) reader.close()
    },
  }
}

/** May be asked of a database that is in use. */
export async function sqliteStatus(path: string, { migrations }: DatabaseOptions): Promise<MigrationStatus> {
  if (!existsSync(path)) return { applied: [], pending: migrations.map(({ name }) => name), unknown: [] }
  const kysely = new Kysely<unknown>({ dialect: new GenericSqliteDialect(() => executor(connectToRead(path))) })
  try {
    return await statusOf({ kysely }, migrations)
  } finally {
    await kysely.destroy()
  }
}

/** SQLite lets go of the write-ahead log only where no other process has the database open; the next connection brings the log back. */
function refuseInUse(path: string): void {
  const connection = new DatabaseSync(path)
  try {
    connection.exec('pragma busy_timeout = 1000; pragma journal_mode = delete')
  } catch (error) {
    if (!isBusy(error)) throw error
    throw new MillraceError('DATABASE_IN_USE', `${path} is open in another process: stop the service that it belongs to; nothing was changed`, { cause: error })
  } finally {
    connection.close()
  }
}

/** Throws DATABASE_IN_USE while another process has the database open. */
export async function rollBackSqlite(path: string, options: DatabaseOptions, to: string | undefined): Promise<readonly string[]> {
  if (path !== ':memory:' && existsSync(path)) refuseInUse(path)
  const connection = connect(path, options)
  const kysely = new Kysely<unknown>({ dialect: new GenericSqliteDialect(() => executor(connection)) })
  try {
    return await rollBack(hostOf(kysely, connection, path), options.migrations, to)
  } finally {
    await kysely.destroy()
  }
}

/** Migrations are one transaction of the only connection, begun as a writer: SQLite itself keeps others waiting, and drops it with a killed process. */
function hostOf<S>(kysely: Kysely<S>, connection: DatabaseSync, path: string): MigrationHost<S> {
  return {
    kysely,
    capabilities,
    inTransaction: true,
    // A second connection reads what is committed, while this one holds the writer's lock.
    backUp: (label) => Promise.resolve(path === ':memory:' ? undefined : backUp(path, label)),
    exclusively: async (work) => {
      await beginWriting(connection)
      try {
        const result = await work()
        connection.exec('commit')
        return result
      } catch (error) {
        if (connection.isTransaction) connection.exec('rollback')
        throw error
      }
    },
  }
}

/** Waits asleep, not in SQLite's busy handler, which would block the process. */
async function beginWriting(connection: DatabaseSync): Promise<void> {
  const deadline = Date.now() + MIGRATION_WAIT_MS
  connection.exec('pragma busy_timeout = 0')
  try {
    for (;;) {
      try {
        connection.exec('begin immediate')
        return
      } catch (error) {
        if (!isBusy(error) || Date.now() > deadline) throw error
        await sleep(25)
      }
    }
  } finally {
    connection.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}`)
  }
}

export function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === SQLITE_BUSY
}

/** On a disk without room SQLite cannot map its shared memory file, and says only "disk I/O error". */
function whenFull(error: unknown, path: string): unknown {
  if (path === ':memory:' || !/disk I\/O error/i.test(errorMessage(error))) return error
  const { bavail, bsize } = statfsSync(dirname(path))
  if (bavail * bsize > ROOM_TO_START) return error
  return new MillraceError('DISK_FULL', `opening the database ${path}: no space is left on the device`, { cause: error })
}

function connect(path: string, options: DatabaseOptions): DatabaseSync {
  try {
    if (path !== ':memory:') makeFolder(dirname(path))
    const connection = new DatabaseSync(path)
    connection.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}; pragma journal_mode = wal; pragma foreign_keys = on; pragma case_sensitive_like = on;
      pragma synchronous = ${options.durability === 'power' ? 'full' : 'normal'}; pragma cache_size = -16000; pragma temp_store = memory;
      pragma wal_autocheckpoint = ${PAGES_OF_LOG}`)
    return connection
  } catch (error) {
    throw toMillraceError(whenFull(error, path), `opening the database ${path}`)
  }
}

function connectToRead(path: string): DatabaseSync {
  const connection = new DatabaseSync(path, { readOnly: true })
  connection.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}; pragma case_sensitive_like = on; pragma cache_size = -${READERS_CACHE_KB}; pragma temp_store = memory`)
  return connection
}

/** Statements are prepared once per text: preparing costs more than most of the queries. */
function executor(connection: DatabaseSync) {
  const prepared = new LRUCache<string, { readonly statement: StatementSync; readonly reads: boolean }>({ max: PREPARED_STATEMENTS })
  const prepare = (text: string) => {
    const known = prepared.get(text)
    if (known) return known
    const statement = connection.prepare(text)
    const entry = { statement, reads: statement.columns().length > 0 }
    prepared.set(text, entry)
    return entry
  }
  return {
    db: connection,
    query: (_isSelect: boolean, text: string, parameters: unknown) => {
      // On a full disk and some other errors SQLite has rolled back by itself; a second rollback would fail and hide the error that says why.
      if (text === 'rollback' && !connection.isTransaction) return { rows: [] }
      // Begun as a writer: one that reads first and then writes could not wait for another process that writes, and would fail as busy.
      const { statement, reads } = prepare(text === 'begin' ? 'begin immediate' : text)
      const values = bind(parameters)
      if (reads) return { rows: statement.all(...values) }
      const { changes, lastInsertRowid } = statement.run(...values)
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) }
    },
    *iterator(_isSelect: boolean, text: string, parameters: unknown) {
      // Not from the cache: a cached statement would be reset by the next query of the same text while this one is read.
      yield* connection.prepare(text).iterate(...bind(parameters))
    },
    close: () => connection.close(),
  }
}

function bind(parameters: unknown): SQLInputValue[] {
  if (!Array.isArray(parameters)) return []
  return parameters.map((value: unknown) => {
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return value
    if (typeof value === 'boolean') return value ? 1 : 0
    if (value instanceof Uint8Array) return value
    if (value === undefined) return null
    throw new TypeError(`a value of type ${typeof value} cannot be stored; convert it at the edge of the store`)
  })
}
