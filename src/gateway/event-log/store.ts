import { EventEmitter, once } from 'node:events'
import type { Transaction } from 'kysely'
import type { EventPage, LoggedEvent, MillraceEvent } from '../../api/events.ts'
import type { Database } from '../../platform/db/index.ts'
import { GENESIS_HASH, findBreak } from '../../platform/events/chain.ts'
import type { EventLogSchema } from './schema.ts'

export interface SourceHead {
  readonly source: string
  readonly seq: number
  readonly hash: string
}

export interface Appended {
  readonly count: number
  /** In words, each event that does not follow the one before it in its source. It is in the log all the same. */
  readonly breaks: readonly string[]
}

export interface EventFilter {
  readonly types?: readonly string[]
  readonly subject?: string
}

/** Another process may append to the same log (PostgreSQL), so the bell is not the only sign. */
const LOOK_AGAIN_MS = 1000

/** The event log: append-only, in one order over all sources. */
export class EventStore {
  readonly #db: Database<EventLogSchema>
  readonly #bell = new EventEmitter()

  constructor(db: Database<EventLogSchema>) {
    this.#db = db
    this.#bell.setMaxListeners(0)
  }

  /**
   * Appends what of `events` (one source, in order of `seq`) is not in the log yet: the same events again change nothing. An event that breaks
   * the chain is kept and marked, for a log that hides what it received would be worth nothing.
   */
  async append(source: string, events: readonly MillraceEvent[]): Promise<Appended> {
    const appended = await this.#db.transaction(async (trx) => {
      let position = await lockHead(trx)
      const head = await trx.selectFrom('log_sources').selectAll().where('source', '=', source).executeTakeFirst()
      let last: SourceHead = head ?? { source, seq: 0, hash: GENESIS_HASH }
      const rows: EventLogSchema['log_events'][] = []
      for (const event of events) {
        if (event.seq <= last.seq) continue
        const broken = findBreak([event], last.hash, last.seq + 1)
        rows.push({
          position: ++position,
          source,
          seq: event.seq,
          type: event.type,
          subject: event.subject,
          time: Date.parse(event.time),
          hash: event.hash,
          event: JSON.stringify(event),
          broken,
        })
        last = { source, seq: event.seq, hash: event.hash }
      }
      if (rows.length === 0) return { count: 0, breaks: [] }
      await trx.insertInto('log_events').values(rows).execute()
      await trx.insertInto('log_sources').values(last).onConflict((c) => c.column('source').doUpdateSet({ seq: last.seq, hash: last.hash })).execute()
      await trx.updateTable('log_head').set({ position }).where('id', '=', 1).execute()
      return { count: rows.length, breaks: rows.flatMap(({ broken }) => broken ?? []) }
    })
    if (appended.count > 0) this.#bell.emit('appended')
    return appended
  }

  /** The position of the newest event; 0 for an empty log. */
  async head(): Promise<number> {
    const row = await this.#db.kysely.selectFrom('log_head').select('position').where('id', '=', 1).executeTakeFirst()
    return row?.position ?? 0
  }

  async sourceHead(source: string): Promise<SourceHead> {
    const row = await this.#db.kysely.selectFrom('log_sources').selectAll().where('source', '=', source).executeTakeFirst()
    return row ?? { source, seq: 0, hash: GENESIS_HASH }
  }

  sourceHeads(): Promise<readonly SourceHead[]> {
    return this.#db.kysely.selectFrom('log_sources').selectAll().orderBy('source').execute()
  }

  /** How many events of each source broke its chain when they came. */
  async brokenCounts(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#db.kysely
      .selectFrom('log_events')
      .select((e) => ['source', e.fn.countAll<number | bigint | string>().as('count')])
      .where('broken', 'is not', null)
      .groupBy('source')
      .execute()
    return new Map(rows.map(({ source, count }) => [source, Number(count)]))
  }

  async countByType(types: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#db.kysely
      .selectFrom('log_events')
      .select((e) => ['type', e.fn.countAll<number | bigint | string>().as('count')])
      .where('type', 'in', types)
      .groupBy('type')
      .execute()
    return new Map(rows.map(({ type, count }) => [type, Number(count)]))
  }

  /**
   * Events after `after`, oldest first. The page's position is that of its last event when the page is full, else the head of the log: so a
   * subscriber that wants few types does not look at the others again.
   */
  async after(after: number, limit: number, filter: EventFilter = {}): Promise<EventPage> {
    const head = await this.head()
    const rows = await this.#select(filter).where('position', '>', after).where('position', '<=', head).orderBy('position').limit(limit).execute()
    const events = rows.map(parseRow)
    const last = events.at(-1)
    return { events, position: last !== undefined && events.length === limit ? last.position : head }
  }

  /** As `after`, but waits up to `waitMs` until the log has grown beyond `after`. The page may still be empty: what is new may be of other types. */
  async afterOrWait(after: number, limit: number, filter: EventFilter, waitMs: number, signal: AbortSignal): Promise<EventPage> {
    const deadline = Date.now() + waitMs
    for (;;) {
      const page = await this.after(after, limit, filter)
      const left = deadline - Date.now()
      if (page.position !== after || left <= 0 || signal.aborted) return page
      await this.grown(Math.min(left, LOOK_AGAIN_MS), signal)
    }
  }

  /** Newest first, before `before`. The page's position is that of its oldest event: ask for what is before it next. */
  async before(before: number | undefined, limit: number, filter: EventFilter = {}): Promise<EventPage> {
    let query = this.#select(filter).orderBy('position', 'desc').limit(limit)
    if (before !== undefined) query = query.where('position', '<', before)
    const events = (await query.execute()).map(parseRow)
    return { events, position: events.at(-1)?.position ?? 0 }
  }

  /** Resolves at the next append of this process, after `ms`, or when `signal` aborts. */
  async grown(ms: number, signal: AbortSignal): Promise<void> {
    await once(this.#bell, 'appended', { signal: AbortSignal.any([signal, AbortSignal.timeout(ms)]) }).catch(() => undefined)
  }

  #select({ types, subject }: EventFilter) {
    let query = this.#db.kysely.selectFrom('log_events').select(['position', 'event'])
    if (types !== undefined && types.length > 0) query = query.where('type', 'in', types)
    if (subject !== undefined) query = query.where('subject', '=', subject)
    return query
  }
}

/** Takes the lock that makes appends wait for one another: positions have no gap, and none becomes visible after a higher one. */
async function lockHead(trx: Transaction<EventLogSchema>): Promise<number> {
  await trx.insertInto('log_head').values({ id: 1, position: 0 }).onConflict((c) => c.doNothing()).execute()
  const { position } = await trx
    .updateTable('log_head')
    .set((e) => ({ position: e.ref('position') }))
    .where('id', '=', 1)
    .returning('position')
    .executeTakeFirstOrThrow()
  return position
}

function parseRow({ position, event }: { position: number; event: string }): LoggedEvent {
  return { position, event: JSON.parse(event) as MillraceEvent }
}
