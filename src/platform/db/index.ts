import { MillraceError } from '../errors/index.ts'
import type { Database, DatabaseOptions } from './port.ts'

export type { Database, DatabaseCapabilities, DatabaseOptions, Migration } from './port.ts'

/** Opens the database that `options.url` names and brings its tables up to date. */
export async function openDatabase<S>(options: DatabaseOptions): Promise<Database<S>> {
  if (options.url.startsWith('sqlite:')) {
    const { openSqlite } = await import('./sqlite.ts')
    return openSqlite<S>(options.url.slice('sqlite:'.length), options)
  }
  if (/^postgres(ql)?:\/\//.test(options.url)) {
    const { openPostgres } = await import('./postgres.ts')
    return openPostgres<S>(options.url, options)
  }
  // The value itself stays out of the message: a mistyped URL may hold a password.
  throw new MillraceError('CONFIG_INVALID', 'storage.database: expected sqlite:PATH or postgresql://USER@HOST/NAME')
}
