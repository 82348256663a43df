import { type Kysely, sql } from 'kysely'
import { type Migration as KyselyMigration, Migrator, NO_MIGRATIONS } from 'kysely/migration'
import { MillraceError, errorMessage } from '../errors/index.ts'
import { VERSION } from '../version.ts'
import type { DatabaseCapabilities, Migration } from './port.ts'

/** What a driver lends to migrations. */
export interface MigrationHost<S> {
  readonly kysely: Kysely<S>
  readonly capabilities: DatabaseCapabilities
  /** Where Kysely's own table of migrations lies, if not in the default schema. */
  readonly schema?: string
  /** Runs `work` while no other process changes the tables of the same database; waits for one that does. */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>
  /** Whether `exclusively` is itself one transaction: then all of the work is undone when it throws. */
  readonly inTransaction: boolean
  /** Keeps a copy of the database as it is and says where; undefined where the driver keeps none. Called within `exclusively`. */
  readonly backUp: (label: string) => Promise<string | undefined>
}

/**
 * Applies what is missing, in order, all or nothing, while other processes wait. A database that has tables already is backed up before it is changed, where
 * the driver does that. Throws MIGRATION_UNKNOWN when the database is newer than the program, MIGRATION_FAILED when a migration fails.
 */
export async function migrate<S>(host: MigrationHost<S>, migrations: readonly Migration[]): Promise<void> {
  if (pending(await applied(host), migrations).length === 0) return
  await host.exclusively(async () => {
    const before = await applied(host)
    const [next] = pending(before, migrations)
    if (next === undefined) return
    const backup = before.length > 0 ? await host.backUp(`before-${next.name}`) : undefined
    await run(migratorOf(host, migrations).migrateToLatest({ disableTransactions: host.inTransaction }), backup)
  })
}

/**
 * Takes back every migration after `to` (undefined: all), newest first, all or nothing; the database is backed up first, where the driver does that.
 * Throws MIGRATION_IRREVERSIBLE, and changes nothing, when one of them has no way back.
 */
export async function rollBack<S>(host: MigrationHost<S>, migrations: readonly Migration[], to: string | undefined): Promise<readonly string[]> {
  return host.exclusively(async () => {
    const before = await applied(host)
    pending(before, migrations)
    const at = to === undefined ? -1 : before.indexOf(to)
    if (to !== undefined && at === -1) throw new MillraceError('NOT_FOUND', `migration ${to}: the database has ${before.join(', ') || 'none'}`)
    const undone = before.slice(at + 1).reverse()
    const oneWay = undone.filter((name) => migrations.find((migration) => migration.name === name)?.down === undefined)
    if (oneWay.length > 0) {
      throw new MillraceError('MIGRATION_IRREVERSIBLE', `${oneWay.join(', ')} cannot be taken back; restore a backup made before it instead`)
    }
    if (undone.length === 0) return []
    const backup = await host.backUp(`before-leaving-${undone[0]}`)
    await run(migratorOf(host, migrations).migrateTo(to ?? NO_MIGRATIONS, { disableTransactions: host.inTransaction }), backup)
    return undone
  })
}

export interface MigrationStatus {
  readonly applied: readonly string[]
  /** What the next start brings. */
  readonly pending: readonly string[]
  /** What the database has and this program does not know: a newer one wrote it. */
  readonly unknown: readonly string[]
}

/** Changes nothing. */
export async function statusOf<S>(host: Pick<MigrationHost<S>, 'kysely' | 'schema'>, migrations: readonly Migration[]): Promise<MigrationStatus> {
  const has = await applied(host)
  const known = migrations.map(({ name }) => name)
  return { applied: has.filter((name) => known.includes(name)), pending: known.filter((name) => !has.includes(name)), unknown: has.filter((name) => !known.includes(name)) }
}

/** Names of the migrations that the database has, in order; none for an empty one. */
async function applied<S>({ kysely, schema }: Pick<MigrationHost<S>, 'kysely' | 'schema'>): Promise<readonly string[]> {
  const tables = await kysely.introspection.getTables({ withInternalKyselyTables: true })
  if (!tables.some((table) => table.name === TABLE && (schema === undefined || table.schema === schema))) return []
  const { rows } = await sql<{ name: string }>`select name from ${schema === undefined ? sql.id(TABLE) : sql.id(schema, TABLE)} order by name`.execute(kysely)
  return rows.map(({ name }) => name)
}

const TABLE = 'kysely_migration'

/** Throws MIGRATION_UNKNOWN for a database that holds what `migrations` do not know. */
function pending(before: readonly string[], migrations: readonly Migration[]): readonly Migration[] {
  const unknown = before.filter((name) => !migrations.some((migration) => migration.name === name))
  if (unknown.length > 0) {
    throw new MillraceError(
      'MIGRATION_UNKNOWN',
      `the database was written by a newer version of Millrace: this one (${VERSION}) does not know its ${unknown.length === 1 ? 'migration' : 'migrations'} ${unknown.join(', ')}. ` +
        'Nothing was changed. Run the newer version, take its migrations back with it (`millrace db rollback`), or restore a backup made before it.',
    )
  }
  return migrations.filter(({ name }) => !before.includes(name))
}

function migratorOf<S>({ kysely, capabilities, schema }: MigrationHost<S>, migrations: readonly Migration[]): Migrator {
  const known: Record<string, KyselyMigration> = {}
  for (const { name, up, down } of migrations) {
    known[name] = { up: (db) => up(db, capabilities), ...(down === undefined ? {} : { down: (db) => down(db, capabilities) }) }
  }
  // Parallel branches each append a migration: one that sorts before another that is applied already must still be applied.
  return new Migrator({
    db: kysely,
    provider: { getMigrations: () => Promise.resolve(known) },
    allowUnorderedMigrations: true,
    ...(schema === undefined ? {} : { migrationTableSchema: schema }),
  })
}

async function run(work: ReturnType<Migrator['migrateToLatest']>, backup: string | undefined): Promise<void> {
  const { error, results } = await work
  if (error === undefined) return
  const failed = results?.find((result) => result.status === 'Error')
  if (failed === undefined) throw error
  const kept = backup === undefined ? '' : `; a copy from before is at ${backup}`
  throw new MillraceError('MIGRATION_FAILED', `migration ${failed.migrationName} failed and was undone: ${errorMessage(error)}${kept}`, { cause: error })
}
