import { setTimeout as sleep } from 'node:timers/promises'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { MillraceError, errnoCode } from '../errors/index.ts'
import { type MigrationHost, type MigrationStatus, migrate, rollBack, statusOf } from './migrate.ts'
import type { Database, DatabaseCapabilities, DatabaseOptions } from './port.ts'
import { nameOutages } from './postgres-outage.ts'
import { PostgresStatements } from './postgres-statements.ts'

const capabilities: DatabaseCapabilities = { bytesType: 'bytea', sharedByProcesses: true, caseSensitiveLike: true, clustered: '', byteOrder: '"C"' }
const ATTEMPTS = 5
/** serialization_failure, deadlock_detected (https://www.postgresql.org/docs/15/errcodes-appendix.html). */
const RETRYABLE = new Set(['40001', '40P01'])
const INT8_OID = 20
/** For a connection, or for one of the pool to be given back. */
const CONNECT_MS = 15_000
/** How long a start waits for another process that migrates. */
const MIGRATION_WAIT = '10min'

/** PostgreSQL through `pg`, loaded only here. The service's tables live in `options.schema`, which is made if it is missing. */
export async function openPostgres<S>(url: string, options: DatabaseOptions): Promise<Database<S>> {
  const statements = new PostgresStatements()
  const kysely = await connect<S>(url, options, statements)
  try {
    await migrate(hostOf(kysely, options.schema), options.migrations)
  } catch (error) {
    await kysely.destroy()
    throw error
  }
  return {
    kysely,
    reading: kysely,
    capabilities,
    transaction: async (work) => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await kysely.transaction().execute(work)
        } catch (error) {
          if (attempt >= ATTEMPTS || !RETRYABLE.has(errnoCode(error) ?? '')) throw error
          await sleep(2 ** attempt * 5 * (0.5 + Math.random()))
        }
      }
    },
    each: (on, statement, rows) => statements.run(on, statement, rows),
    close: () => kysely.destroy(),
  }
}

export async function postgresStatus(url: string, options: DatabaseOptions): Promise<MigrationStatus> {
  const kysely = await connect<unknown>(url, options)
  try {
    return await statusOf({ kysely, schema: options.schema }, options.migrations)
  } finally {
    await kysely.destroy()
  }
}

export async function rollBackPostgres(url: string, options: DatabaseOptions, to: string | undefined): Promise<readonly string[]> {
  const kysely = await connect<unknown>(url, options)
  try {
    return await rollBack(hostOf(kysely, options.schema), options.migrations, to)
  } finally {
    await kysely.destroy()
  }
}

/** An advisory lock of the session, one for each schema: it is gone with the connection, so a killed process leaves none behind. */
function hostOf<S>(kysely: Kysely<S>, schema: string): MigrationHost<S> {
  return {
    kysely,
    capabilities,
    schema,
    inTransaction: false,
    backUp: () => Promise.resolve(undefined),
    exclusively: (work) =>
      kysely.connection().execute(async (connection) => {
        await sql`select set_config('lock_timeout', ${MIGRATION_WAIT}, false)`.execute(connection)
        await sql`select pg_advisory_lock(hashtext('millrace-migrations'), hashtext(${schema}))`.execute(connection)
        try {
          // Not before the lock: of two `create schema if not exists` at once one fails.
          await sql`create schema if not exists ${sql.id(schema)}`.execute(connection)
          return await work()
        } finally {
          await sql`select pg_advisory_unlock(hashtext('millrace-migrations'), hashtext(${schema}))`.execute(connection)
          await sql`reset lock_timeout`.execute(connection)
        }
      }),
  }
}

async function connect<S>(url: string, options: DatabaseOptions, statements?: PostgresStatements): Promise<Kysely<S>> {
  const { default: pg } = await import('pg')
  const types = {
    // Our bigints are times and counters, all below 2^53.
    getTypeParser: (oid: number, format?: 'text' | 'binary') =>
      oid === INT8_OID ? Number : format === 'binary' ? pg.types.getTypeParser(oid, 'binary') : pg.types.getTypeParser(oid, 'text'),
  }
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    // Below the patience of our own client: a server that cannot be reached is told as such, not as ours that is slow.
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    types,
    options: `-c search_path=${identifier(options.schema)}${options.durability === 'power' ? ' -c synchronous_commit=on' : ''}`,
  })
  // A connection that breaks while idle (the server restarts) is dropped by the pool and replaced at the next query, which tells if the server is gone
  // for good. Without a listener the event would end the process.
  pool.on('error', () => undefined)
  // So with one that is in use but between two queries: the next one fails.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return new Kysely<S>({ dialect: new PostgresDialect({ pool: nameOutages(statements === undefined ? pool : statements.prepareOn(pool), url) }) })
}

/** A schema's name goes into a connection option, where it cannot be a bound parameter. */
function identifier(name: string): string {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name)) {
    throw new MillraceError('CONFIG_INVALID', `schema ${JSON.stringify(name)}: expected lower-case letters, digits and _`)
  }
  return name
}
