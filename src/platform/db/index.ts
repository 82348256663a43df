import { MillraceError } from '../errors/index.ts'
import type { MigrationStatus } from './migrate.ts'
import type { Database, DatabaseOptions } from './port.ts'
export { Groups, type Outcome } from './groups.ts'
export { type Statement, type Value, insertStatement, statement } from './statement.ts'

export type { MigrationStatus } from './migrate.ts'
export type { Database, DatabaseCapabilities, DatabaseOptions, Migration } from './port.ts'

/** Opens the database that `options.url` names and brings its tables up to date. */
export async function openDatabase<S>(options: DatabaseOptions): Promise<Database<S>> {
  const { path } = place(options.url)
  if (path === undefined) return (await import('./postgres.ts')).openPostgres<S>(options.url, options)
  return (await import('./sqlite.ts')).openSqlite<S>(path, options)
}

/** Which migrations the database has and which it lacks. Changes nothing, and may be asked while the database is in use. */
export async function databaseStatus(options: DatabaseOptions): Promise<MigrationStatus> {
  const { path } = place(options.url)
  if (path === undefined) return (await import('./postgres.ts')).postgresStatus(options.url, options)
  return (await import('./sqlite.ts')).sqliteStatus(path, options)
}

/** Takes back the migrations after `to`, newest first, and says which. See `rollBack` in migrate.ts. Nobody else may be using the database: DATABASE_IN_USE where that can be seen (SQLite). */
export async function rollBackDatabase(options: DatabaseOptions, to: string | undefined): Promise<readonly string[]> {
  const { path } = place(options.url)
  if (path === undefined) return (await import('./postgres.ts')).rollBackPostgres(options.url, options, to)
  return (await import('./sqlite.ts')).rollBackSqlite(path, options, to)
}

/** `path` is undefined for PostgreSQL. */
function place(url: string): { readonly path: string | undefined } {
  if (url.startsWith('sqlite:')) return { path: url.slice('sqlite:'.length) }
  if (/^postgres(ql)?:\/\//.test(url)) return { path: undefined }
  // The value itself stays out of the message: a mistyped URL may hold a password.
  throw new MillraceError('CONFIG_INVALID', 'storage.database: expected sqlite:PATH or postgresql://USER@HOST/NAME')
}
