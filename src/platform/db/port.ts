import type { Kysely, Transaction } from 'kysely'
import type { Each } from './statement.ts'

/**
 * The database port. One service owns its tables and is their only writer.
 *
 * Contract that every driver keeps (`contract.ts` is its suite):
 * - `transaction` is atomic and durable: when it resolves, its writes survive the death of the process (with `durability: power` the loss of
 *   power too); when it throws, none of them is visible. It is serialised against other transactions that write the same rows.
 *   A deadlock or serialisation failure is retried inside the driver, so `work` may run more than once and must have no effect outside.
 * - Times are stored as milliseconds since 1970 in `bigint` columns and come back as numbers; JSON is stored as text.
 * - Migrations run once, in order, all or nothing, under a lock: of two processes that start together one migrates and the other waits. A database that was
 *   written by a newer program is refused (MIGRATION_UNKNOWN) and left as it is.
 */
export interface Database<S> {
  readonly kysely: Kysely<S>
  /** Reads what is committed, without waiting for writers; writes nothing. What one has just committed is there. */
  readonly reading: Kysely<S>
  readonly capabilities: DatabaseCapabilities
  transaction<T>(work: (trx: Transaction<S>) => Promise<T>): Promise<T>
  /** See statement.ts. */
  readonly each: Each<S>
  close(): Promise<void>
}

/** What differs between drivers and matters to a caller. Code asks these flags, never which driver it is. */
export interface DatabaseCapabilities {
  /** The column type for raw bytes. */
  readonly bytesType: 'blob' | 'bytea'
  /** Whether other processes may use the same tables at the same time. */
  readonly sharedByProcesses: boolean
  /** Whether LIKE tells upper from lower case without a trick. */
  readonly caseSensitiveLike: boolean
  /** How a `create table` ends whose rows shall lie in the order of their primary key. */
  readonly clustered: 'without rowid' | ''
  /** The collation by which text is compared byte by byte. */
  readonly byteOrder: 'binary' | '"C"'
}

export interface Migration {
  /** Sorts in the order of application: `001-runs`. Never renamed once released. */
  readonly name: string
  // A migration runs before the schema it makes exists, so it knows no table types.
  readonly up: (db: Kysely<Record<string, never>>, capabilities: DatabaseCapabilities) => Promise<void>
  /** The way back, where there is one that loses nothing but what `up` brought. Without it a backup is the way back. */
  readonly down?: (db: Kysely<Record<string, never>>, capabilities: DatabaseCapabilities) => Promise<void>
}

export interface DatabaseOptions {
  /** `sqlite:PATH`, `sqlite::memory:` or `postgresql://…`. */
  readonly url: string
  /** PostgreSQL schema that holds this service's tables; SQLite has one file a service instead. */
  readonly schema: string
  readonly migrations: readonly Migration[]
  /** `process` (default): an acknowledged write survives kill -9. `power`: it survives the loss of power too. */
  readonly durability?: 'process' | 'power'
}
