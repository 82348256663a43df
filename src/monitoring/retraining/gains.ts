import type { Kysely } from 'kysely'
import { rowLogLoss } from '../../domain/metrics.ts'
import type { Window } from '../../domain/windows.ts'
import type { MonitorSchema } from '../tables.ts'

/**
 * What a challenger would have gained on each labelled request of its shadow period that both it and the answering version predicted: the loss of
 * the answer less that of the shadow, in order of arrival. Only labels known by `labelledBy` count, so that the same moment always decides alike.
 */
export async function pairedGains(db: Kysely<MonitorSchema>, model: string, challenger: string, period: Window, labelledBy: number): Promise<Float64Array> {
  const rows = await db
    .selectFrom('requests as r')
    .innerJoin('scores as a', (join) => join.onRef('a.pid', '=', 'r.pid').onRef('a.version', '=', 'r.version').on('a.answered', '=', 1))
    .innerJoin('scores as s', (join) => join.onRef('s.pid', '=', 'r.pid').on('s.version', '=', challenger).on('s.alias', '=', CHALLENGER).on('s.answered', '=', 0))
    .innerJoin('truths as t', 't.pid', 'r.pid')
    .select(['a.score as answered', 's.score as shadow', 't.label'])
    .where('r.model', '=', model)
    .where('r.time', '>=', period.start)
    .where('r.time', '<', period.end)
    .where('t.time', '<=', labelledBy)
    .orderBy('r.pid')
    .execute()
  return Float64Array.from(rows, ({ answered, shadow, label }) => rowLogLoss(answered, label) - rowLogLoss(shadow, label))
}

/** How many requests of the period both versions predicted, labelled or not. */
export async function countPredicted(db: Kysely<MonitorSchema>, model: string, challenger: string, period: Window): Promise<number> {
  const { count } = await db
    .selectFrom('requests as r')
    .innerJoin('scores as s', (join) => join.onRef('s.pid', '=', 'r.pid').on('s.version', '=', challenger).on('s.alias', '=', CHALLENGER).on('s.answered', '=', 0))
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('r.model', '=', model)
    .where('r.time', '>=', period.start)
    .where('r.time', '<', period.end)
    .where('r.version', 'is not', null)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Milliseconds from a request to its label: the median of the latest requests that have one; null where there is none. */
export async function labelDelay(db: Kysely<MonitorSchema>, model: string): Promise<number | null> {
  // Labels first: looked for from the requests, those of a model that has no label would all be read.
  const rows = await db
    .selectFrom((e) => e.selectFrom('truths').select(['pid', 'time']).orderBy('pid', 'desc').limit(LATEST_LABELS).as('t'))
    .innerJoin('requests as r', 'r.pid', 't.pid')
    .select(['r.time as asked', 't.time as known'])
    .where('r.model', '=', model)
    .execute()
  const delays = rows.map(({ asked, known }) => known - asked).sort((a, b) => a - b)
  return delays[Math.floor(delays.length / 2)] ?? null
}

/** So many tell how late labels are; of all models. */
const LATEST_LABELS = 5000

/** The alias under which a candidate runs in shadow. */
export const CHALLENGER = 'challenger'
