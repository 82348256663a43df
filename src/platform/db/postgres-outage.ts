import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import { MillraceError, errnoCode, errorMessage } from '../errors/index.ts'

/**
 * PostgreSQL's own codes of a server that goes, comes, or takes no more connections (https://www.postgresql.org/docs/15/errcodes-appendix.html), and the
 * system's of one that cannot be reached.
 */
const OUTAGE = /^(08...|57P0[123]|53300|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/
/** What `pg` says, without a code, of a connection that broke under a query. */
const BROKEN = /^Connection terminated|connection error and is not queryable|^Connection ended/

/** `pool`, whose errors name the database of `url` where it could not be reached or went away: DATABASE_UNAVAILABLE. They never hold a password. */
export function nameOutages(pool: PostgresPool, url: string): PostgresPool {
  const where = databaseOf(url)
  const clients = new WeakMap<PostgresPoolClient, PostgresPoolClient>()
  const tell = (error: unknown): MillraceError => new MillraceError('DATABASE_UNAVAILABLE', `${where} does not answer: ${reasonOf(error)}`, { cause: error })
  return {
    options: pool.options,
    end: () => pool.end(),
    connect: async () => {
      const client = await pool.connect().catch((error: unknown) => {
        throw tell(error)
      })
      const known = clients.get(client) ?? nameOf(client, (error) => (isOutage(error) ? tell(error) : error))
      clients.set(client, known)
      return known
    },
  }
}

function nameOf(client: PostgresPoolClient, tell: (error: unknown) => unknown): PostgresPoolClient {
  function query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>
  function query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>
  function query<R>(sql: string | PostgresCursor<R>, parameters: readonly unknown[] = []): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    if (typeof sql !== 'string') return client.query(sql)
    return client.query<R>(sql, parameters).catch((error: unknown) => {
      throw tell(error)
    })
  }
  return { query, release: (destroy) => client.release(destroy) }
}

function isOutage(error: unknown): boolean {
  return OUTAGE.test(errnoCode(error) ?? '') || BROKEN.test(errorMessage(error))
}

/** Of an address with several numbers each is tried, and what they said is in `errors`; the whole says nothing. */
function reasonOf(error: unknown): string {
  return error instanceof AggregateError ? error.errors.map(errorMessage).join('; ') : errorMessage(error)
}

/** Host, port and name: what an operator looks for. */
export function databaseOf(url: string): string {
  if (!URL.canParse(url)) return 'PostgreSQL'
  const { hostname, port, pathname, searchParams } = new URL(url)
  const host = hostname === '' ? (searchParams.get('host') ?? 'localhost') : hostname
  return `PostgreSQL at ${host}:${port === '' ? 5432 : port}, database ${pathname.slice(1)},`
}
