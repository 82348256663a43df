import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely, Transaction } from 'kysely'
import type { EventPage, EventType, LoggedEvent } from '../../api/events.ts'
import type { Database } from '../db/port.ts'
import { errorMessage } from '../errors/index.ts'
import type { Logger } from '../log/index.ts'
import type { EventsSchema } from './outbox.ts'

export interface FollowOptions<S extends EventsSchema> {
  /** Names the durable position in `event_positions`. */
  readonly subscriber: string
  readonly types: readonly EventType[]
  readonly db: Database<S>
  readonly log: Logger
  /** The event log's page after `position`, waiting up to `waitSeconds` for a first event. */
  readonly fetchPage: (position: number, types: readonly EventType[], waitSeconds: number, signal: AbortSignal) => Promise<EventPage>
  /**
   * Handles one event, before its position is kept: after a crash in between it comes again, so handling must be idempotent. What it writes
   * through `trx` commits together with the position. When it throws, the event is offered again after a pause; it is never skipped.
   */
  readonly handle: (event: LoggedEvent, trx: Transaction<S>) => Promise<void>
}

export interface Follower {
  /** What is still to be handled, in words; empty when this subscriber is at the head of the log. */
  waitingFor(): Promise<readonly string[]>
  stop(): Promise<void>
}

const WAIT_SECONDS = 20
const PAUSE_MS = [50, 100, 200, 500, 1000, 2000] as const

/** Follows the event log from this subscriber's durable position on, one event after the other, until stopped. */
export function followEvents<S extends EventsSchema>(options: FollowOptions<S>): Follower {
  const abort = new AbortController()
  const positions = eventTables(options.db.kysely)
  let position: number | undefined

  const load = async (): Promise<number> => {
    const row = await positions.selectFrom('event_positions').select('position').where('subscriber', '=', options.subscriber).executeTakeFirst()
    return row?.position ?? 0
  }

  const advance = async (to: number, trx = positions): Promise<void> => {
    await trx
      .insertInto('event_positions')
      .values({ subscriber: options.subscriber, position: to })
      .onConflict((c) => c.column('subscriber').doUpdateSet({ position: to }))
      .execute()
  }

  const run = async (): Promise<void> => {
    let failures = 0
    while (!abort.signal.aborted) {
      try {
        position ??= await load()
        const page = await options.fetchPage(position, options.types, WAIT_SECONDS, abort.signal)
        if (page.position < position) {
          // The log was restored from an earlier state and counts anew. Everything in it is offered again; handling is idempotent.
          options.log.error({ subscriber: options.subscriber, position, head: page.position }, 'the event log is behind this subscriber; following it from its beginning')
          await advance(0)
          position = 0
          continue
        }
        for (const logged of page.events) {
          await options.db.transaction(async (trx) => {
            await options.handle(logged, trx)
            await advance(logged.position, eventTables(trx))
          })
          position = logged.position
        }
        if (page.position > position) {
          await advance(page.position)
          position = page.position
        }
        failures = 0
      } catch (error) {
        if (abort.signal.aborted) return
        const pause = PAUSE_MS[Math.min(failures++, PAUSE_MS.length - 1)] ?? 1000
        options.log.warn({ subscriber: options.subscriber, reason: errorMessage(error), pause }, 'following events failed; trying again')
        await sleep(pause, undefined, { signal: abort.signal }).catch(() => undefined)
      }
    }
  }
  const running = run()

  return {
    waitingFor: async () => {
      if (position === undefined) return ['its position in the event log']
      try {
        // Asked with the same types: the log's head may be an event that this subscriber will never hear of.
        const { events } = await options.fetchPage(position, options.types, 0, abort.signal)
        return events.length === 0 ? [] : [`${events.length} events from ${events[0]?.position} on`]
      } catch (error) {
        return [`the event log, which cannot be reached: ${errorMessage(error)}`]
      }
    },
    stop: async () => {
      abort.abort()
      await running
    },
  }
}

/** Kysely's types are invariant in the schema, though a transaction that knows more tables can do all that one knowing fewer can. */
function eventTables<S extends EventsSchema>(db: Kysely<S>): Kysely<EventsSchema> {
  return db as Kysely<EventsSchema | S> as Kysely<EventsSchema>
}
