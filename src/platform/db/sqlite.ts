import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { Kysely } from 'kysely'
import { GenericSqliteDialect } from 'kysely-generic-sqlite'
import { LRUCache } from 'lru-cache'
import { toMillraceError } from '../errors/index.ts'
import { migrate } from './migrate.ts'
import type { Database, DatabaseCapabilities, DatabaseOptions } from './port.ts'

const capabilities: DatabaseCapabilities = { bytesType: 'blob', sharedByProcesses: false, caseSensitiveLike: true }
const PREPARED_STATEMENTS = 500

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
  await migrate(kysely, capabilities, options.migrations)
  return database
}

function connect(path: string, options: DatabaseOptions): DatabaseSync {
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true })
    const connection = new DatabaseSync(path)
    connection.exec(`pragma busy_timeout = 10000; pragma journal_mode = wal; pragma foreign_keys = on; pragma case_sensitive_like = on;
      pragma synchronous = ${options.durability === 'power' ? 'full' : 'normal'}; pragma cache_size = -8000; pragma temp_store = memory`)
    return connection
  } catch (error) {
    throw toMillraceError(error, `opening the database ${path}`)
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
