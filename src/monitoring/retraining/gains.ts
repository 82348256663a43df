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

/** The alias under which a candidate runs in shadow. */
export const CHALLENGER = 'challenger'
