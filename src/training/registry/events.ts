import type { Transaction } from 'kysely'
import type { KeyValue } from '../../api/tracking.ts'
import type { Outbox } from '../../platform/events/outbox.ts'
import { eventsIn } from '../events.ts'
import type { TrackingSchema } from '../tables.ts'
import type { VersionRow } from './store.ts'

type Trx = Transaction<TrackingSchema>

export async function emitModelCreated(trx: Trx, outbox: Outbox, model: string): Promise<void> {
  await outbox.emit(eventsIn(trx), 'dev.millrace.model.created', model, { model })
}

export async function emitVersionCreated(trx: Trx, outbox: Outbox, row: VersionRow, tags: readonly KeyValue[]): Promise<void> {
  await outbox.emit(eventsIn(trx), 'dev.millrace.model.version.created', row.name, {
    model: row.name,
    version: String(row.version),
    run_id: row.run_id,
    tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
  })
}

export interface AliasMoved {
  readonly model: string
  readonly alias: string
  readonly version: number | null
  readonly previous: number | null
  readonly actor: string
  readonly reason: string
}

export async function emitAliasMoved(trx: Trx, outbox: Outbox, { version, previous, ...move }: AliasMoved): Promise<void> {
  const text = (number: number | null) => (number === null ? null : String(number))
  await outbox.emit(eventsIn(trx), 'dev.millrace.model.alias.moved', move.model, { ...move, version: text(version), previous: text(previous) })
}
