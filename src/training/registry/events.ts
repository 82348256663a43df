import type { Transaction } from 'kysely'
import type { Authored, EventData, EventType } from '../../api/events.ts'
import type { Outbox } from '../../platform/events/outbox.ts'
import { eventsIn } from '../events.ts'
import type { TrackingSchema } from '../tables.ts'
import { type Caller, author } from './caller.ts'

/** What the registry tells of. The event log is its audit: every change writes one of these in its own transaction, and what changes nothing writes none. */
export type RegistryEvent = Extract<EventType, `dev.millrace.model.${string}`>

/** Tells of a change of `data.model`, by `by`. */
export async function emit<T extends RegistryEvent>(trx: Transaction<TrackingSchema>, outbox: Outbox, type: T, data: Omit<EventData[T], keyof Authored>, by: Caller): Promise<void> {
  const whole: EventData[RegistryEvent] = { ...data, ...author(by) } as EventData[T]
  await outbox.emit(eventsIn(trx), type, whole.model, whole as EventData[T])
}

/** A version's number as clients know it. */
export function versionText(number: number): string
export function versionText(number: number | null): string | null
export function versionText(number: number | null): string | null {
  return number === null ? null : String(number)
}
