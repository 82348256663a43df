import { setTimeout as sleep } from 'node:timers/promises'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { MillraceError, errnoCode } from '../errors/index.ts'
import { migrate } from './migrate.ts'
import type { Database, DatabaseCapabilities, DatabaseOptions } from './port.ts'

const capabilities: DatabaseCapabilities = { bytesType: 'bytea', sharedByProcesses: true, caseSensitiveLike: true }
const ATTEMPTS = 5
/** serialization_failure, deadlock_detected (https://www.postgresql.org/docs/15/errcodes-appendix.html). */
const RETRYABLE = new Set(['40001', '40P01'])
const INT8_OID = 20

/** PostgreSQL through `pg`, loaded only here. The service's tables live in `options.schema`, which is made if it is missing. */
export async function openPostgres<S>(url: string, options: DatabaseOptions): Promise<Database<S>> {
  const { default: pg } = await import('pg')
  const types = {
    // Our bigints are times and counters, all below 2^53.
    getTypeParser: (oid: number, format?: 'text' | 'binary') =>
      oid === INT8_OID ? Number : format === 'binary' ? pg.types.getTypeParser(oid, 'binary') : pg.types.getTypeParser(oid, 'text'),
  }
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    types,
    options: `-c search_path=${identifier(options.schema)}${options.durability === 'power' ? ' -c synchronous_commit=on' : ''}`,
  })
  // A connection that breaks while idle (the server restarts) is dropped by the pool and replaced at the next query, which tells if the server is gone
  // for good. Without a listener the event would end the process.
  pool.on('error', () => undefined)
  const kysely = new Kysely<S>({ dialect: new PostgresDialect({ pool }) })
  try {
    await sql`create schema if not exists ${sql.id(options.schema)}`.execute(kysely)
    await migrate(kysely, capabilities, options.migrations, options.schema)
  } catch (error) {
    await kysely.destroy()
    throw error
  }
  return {
    kysely,
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
    close: () => kysely.destroy(),
  }
}

/** A schema's name goes into a connection option, where it cannot be a bound parameter. */
function identifier(name: string): string {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(name)) {
    throw new MillraceError('CONFIG_INVALID', `schema ${JSON.stringify(name)}: expected lower-case letters, digits and _`)
  }
  return name
}
