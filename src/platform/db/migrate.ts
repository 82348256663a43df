import type { Kysely } from 'kysely'
import { type Migration as KyselyMigration, Migrator } from 'kysely/migration'
import { MillraceError, errorMessage } from '../errors/index.ts'
import type { DatabaseCapabilities, Migration } from './port.ts'

/** Applies what is missing, in order, under Kysely's migration lock. Throws MIGRATION_UNKNOWN when the database is newer than the program. */
export async function migrate<S>(
  kysely: Kysely<S>,
  capabilities: DatabaseCapabilities,
  migrations: readonly Migration[],
  schema?: string,
): Promise<void> {
  const known: Record<string, KyselyMigration> = {}
  for (const { name, up } of migrations) known[name] = { up: (db) => up(db, capabilities) }
  const migrator = new Migrator({
    db: kysely,
    provider: { getMigrations: () => Promise.resolve(known) },
    ...(schema === undefined ? {} : { migrationTableSchema: schema }),
  })
  const { error, results } = await migrator.migrateToLatest()
  if (error === undefined) return
  const failed = results?.find((result) => result.status === 'Error')
  if (failed) throw new MillraceError('MIGRATION_FAILED', `migration ${failed.migrationName} failed: ${errorMessage(error)}`, { cause: error })
  if (/corrupted migrations|is missing/i.test(errorMessage(error))) {
    throw new MillraceError('MIGRATION_UNKNOWN', `the database was written by another version of Millrace: ${errorMessage(error)}`, { cause: error })
  }
  throw error
}
