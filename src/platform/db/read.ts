import { existsSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { Kysely } from 'kysely'
import { GenericSqliteDialect } from 'kysely-generic-sqlite'
import { type DatabaseOptions, databaseStatus, openDatabase } from './index.ts'

const SQLITE = 'sqlite:'
const BUSY_TIMEOUT_MS = 10_000

export interface ReadOnly<S> {
  readonly kysely: Kysely<S>
  close(): Promise<void>
}

/** A service's database for somebody else to read, whether the service runs or not; null where it was never started. */
export async function openToRead<S>(options: DatabaseOptions): Promise<ReadOnly<S> | null> {
  if (options.url.startsWith(SQLITE)) return openFile(options.url.slice(SQLITE.length))
  if ((await databaseStatus(options)).applied.length === 0) return null
  const database = await openDatabase<S>(options)
  return { kysely: database.reading, close: () => database.close() }
}

/** A reader of SQLite's write-ahead log neither waits for the writer nor keeps it waiting. */
function openFile<S>(path: string): ReadOnly<S> | null {
  if (!existsSync(path)) return null
  const connection = new DatabaseSync(path, { readOnly: true })
  connection.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}; pragma query_only = on`)
  const query = (_isSelect: boolean, text: string, parameters: unknown) => ({ rows: connection.prepare(text).all(...values(parameters)) })
  const kysely = new Kysely<S>({ dialect: new GenericSqliteDialect(() => ({ db: connection, query, close: () => connection.close() })) })
  return { kysely, close: () => kysely.destroy() }
}

function values(parameters: unknown): SQLInputValue[] {
  if (!Array.isArray(parameters)) return []
  return parameters.map((value: unknown) => {
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return value
    throw new TypeError(`a value of type ${typeof value} cannot be compared with what SQLite keeps`)
  })
}
