import type { Transaction } from 'kysely'
import type { Outbox } from '../../../platform/events/outbox.ts'
import { eventsIn } from '../../events.ts'
import type { TrackingSchema } from '../../tables.ts'
import type { RunRow } from './store.ts'

/** Emits `dev.millrace.run.finished` with the latest finite value of each metric. */
export async function emitRunFinished(trx: Transaction<TrackingSchema>, outbox: Outbox, run: RunRow): Promise<void> {
  const latest = await trx.selectFrom('latest_metrics').select(['key', 'value', 'is_nan']).where('run_id', '=', run.run_id).orderBy('key').execute()
  const finite = latest.filter(({ value, is_nan }) => is_nan === 0 && Number.isFinite(value))
  await outbox.emit(eventsIn(trx), 'dev.millrace.run.finished', run.run_id, {
    run_id: run.run_id,
    experiment_id: String(run.experiment_id),
    status: run.status,
    metrics: Object.fromEntries(finite.map(({ key, value }) => [key, value])),
  })
}
