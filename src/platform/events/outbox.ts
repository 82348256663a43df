import { EventEmitter, once } from 'node:events'
import type { Kysely, Transaction } from 'kysely'
import type { EventData, EventType, MillraceEvent } from '../../api/events.ts'
import type { Clock } from '../clock/index.ts'
import type { Database } from '../db/port.ts'
import { ulid } from '../ids/index.ts'
import { GENESIS_HASH, eventHash } from './chain.ts'

/** The tables of an outbox and of a subscriber's positions; a service's own schema extends this. */
export interface EventsSchema {
  outbox: { seq: number; event: string }
  outbox_head: { id: number; seq: number; hash: string }
  event_positions: { subscriber: string; position: number }
}

export async function createEventsTables(db: Kysely<Record<string, never>>): Promise<void> {
  await db.schema
    .createTable('outbox')
    .addColumn('seq', 'bigint', (c) => c.primaryKey())
    .addColumn('event', 'text', (c) => c.notNull())
    .execute()
  await db.schema
    .createTable('outbox_head')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('seq', 'bigint', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .execute()
  await db.schema
    .createTable('event_positions')
    .addColumn('subscriber', 'text', (c) => c.primaryKey())
    .addColumn('position', 'bigint', (c) => c.notNull())
    .execute()
}

/**
 * The events of one source, written in the transaction of the change they tell of. The row `outbox_head` is updated first, which makes
 * concurrent writers wait for one another: sequence and chain have neither gap nor fork.
 */
export class Outbox {
  readonly #db: Database<EventsSchema>
  readonly #source: string
  readonly #clock: Clock
  readonly #lookEveryMs: number
  readonly #bell = new EventEmitter()

  /** `lookEveryMs`: how often one that waits looks for what other processes have written to the same outbox. */
  constructor(db: Database<EventsSchema>, source: string, clock: Clock, lookEveryMs = 1000) {
    this.#db = db
    this.#source = source
    this.#clock = clock
    this.#lookEveryMs = lookEveryMs
    this.#bell.setMaxListeners(0)
  }

  /** Adds one event to the transaction `trx`. It exists if and only if `trx` commits. */
  async emit<T extends EventType>(trx: Transaction<EventsSchema>, type: T, subject: string, data: EventData[T]): Promise<MillraceEvent<T>> {
    await trx.insertInto('outbox_head').values({ id: 1, seq: 0, hash: GENESIS_HASH }).onConflict((c) => c.doNothing()).execute()
    const { seq, hash: previoushash } = await trx
      .updateTable('outbox_head')
      .set((e) => ({ seq: e('seq', '+', 1) }))
      .where('id', '=', 1)
      .returning(['seq', 'hash'])
      .executeTakeFirstOrThrow()
    const unsigned: Omit<MillraceEvent<T>, 'hash'> = {
      specversion: '1.0',
      id: ulid(),
      source: `/${this.#source}`,
      type,
      time: this.#clock.wall().toISOString(),
      subject,
      datacontenttype: 'application/json',
      data,
      projecttime: this.#clock.project().toISOString(),
      seq,
      previoushash,
    }
    const event: MillraceEvent<T> = { ...unsigned, hash: eventHash(unsigned) }
    await trx.updateTable('outbox_head').set({ hash: event.hash }).where('id', '=', 1).execute()
    await trx.insertInto('outbox').values({ seq, event: JSON.stringify(event) }).execute()
    setImmediate(() => this.#bell.emit('emitted'))
    return event
  }

  /** Events with `seq` above `after`, oldest first, at most `limit`. */
  async read(after: number, limit: number): Promise<readonly MillraceEvent[]> {
    const rows = await this.#db.kysely
      .selectFrom('outbox')
      .select('event')
      .where('seq', '>', after)
      .orderBy('seq')
      .limit(limit)
      .execute()
    return rows.map((row): MillraceEvent => JSON.parse(row.event))
  }

  /** As `read`, but when there is none it waits up to `waitMs` for one, or until `signal` aborts. */
  async readOrWait(after: number, limit: number, waitMs: number, signal?: AbortSignal): Promise<readonly MillraceEvent[]> {
    const deadline = Date.now() + waitMs
    for (;;) {
      const events = await this.read(after, limit)
      const left = deadline - Date.now()
      if (events.length > 0 || left <= 0 || signal?.aborted) return events
      // Another process may write the same outbox (PostgreSQL; the command line), so the bell is not the only sign.
      const pause = AbortSignal.timeout(Math.min(left, this.#lookEveryMs))
      await once(this.#bell, 'emitted', { signal: signal ? AbortSignal.any([signal, pause]) : pause }).catch(() => undefined)
    }
  }
}
