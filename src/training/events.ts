import type { Transaction } from 'kysely'
import type { EventsSchema } from '../platform/events/outbox.ts'
import type { TrackingSchema } from './tables.ts'

/** A transaction that knows all tables can do what one that knows the outbox alone can; Kysely's types are invariant and cannot tell. */
export function eventsIn(trx: Transaction<TrackingSchema>): Transaction<EventsSchema> {
  return trx as Transaction<EventsSchema | TrackingSchema> as Transaction<EventsSchema>
}
