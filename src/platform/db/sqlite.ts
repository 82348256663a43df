import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import { GenericSqliteDialect } from 'kysely-generic-sqlite'
import { LRUCache } from 'lru-cache'
import { MillraceError, errorMessage, toMillraceError } from '../errors/index.ts'
import { makeFolder } from '../fs/index.ts'
import { migrate } from './migrate.ts'
import type { Database, DatabaseCapabilities, DatabaseOptions } from './port.ts'

const capabilities: DatabaseCapabilities = { bytesType: 'blob', sharedByProcesses: false, caseSensitiveLike: true }
const PREPARED_STATEMENTS = 500
/** Bytes: a new database with its log and shared memory. */
const ROOM_TO_START = 256 * 1024

/** SQLite through node:sqlite: one connection, write-ahead log, one writer at a time. `path` is a file or `:memory:`. */
export async function openSqlite<S>(path: string, options: DatabaseOptions): Promise<Database<S>> {
  const connection = connect(path, options)
  const kysely = new Kysely<S>({ dialect: new GenericSqliteDialect(() => executor(connection)) })
  const database: Database<S> = {
    kysely,
    capabilities,
    transaction: (work) => kysely.transaction().execute(work),
    close: () => kysely.destroy(),
  }
  try {
    await migrate(kysely, capabilities, options.migrations)
  } catch (error) {
    await database.close()
    throw whenFull(error, path)
  }
  return database
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
    connection.exec(`pragma busy_timeout = 10000; pragma journal_mode = wal; pragma foreign_keys = on; pragma case_sensitive_like = on;
      pragma synchronous = ${options.durability === 'power' ? 'full' : 'normal'}; pragma cache_size = -8000; pragma temp_store = memory`)
    return connection
  } catch (error) {
    throw toMillraceError(whenFull(error, path), `opening the database ${path}`)
  }
}

/** Statements are prepared once per text: preparing costs more than most of the queries. */
function executor(connection: DatabaseSync) {
  const prepared = new LRUCache<string, StatementSync>({ max: PREPARED_STATEMENTS })
  const prepare = (text: string): StatementSync => {
    const known = prepared.get(text)
    if (known) return known
    const statement = connection.prepare(text)
    prepared.set(text, statement)
    return statement
  }
  return {
    db: connection,
    query: (_isSelect: boolean, text: string, parameters: unknown) => {
      // On a full disk and some other errors SQLite has rolled back by itself; a second rollback would fail and hide the error that says why.
      if (text === 'rollback' && !connection.isTransaction) return { rows: [] }
      const statement = prepare(text)
      const values = bind(parameters)
      if (statement.columns().length > 0) return { rows: statement.all(...values) }
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
