import type { Kysely } from 'kysely'
import type { Comparison, ComparisonQuery } from '../../api/rollouts.ts'
import { pairedInterval, unpairedInterval } from '../../domain/sequential/index.ts'
import type { MonitorSchema } from '../tables.ts'
import { readSum } from './sums.ts'

/**
 * The candidate of a rollout beside the version before it, on all rows that a hash assigned and whose truth is known now. Callers that chose for themselves are left out: they may be of
 * another kind. Only sums are needed, and they are kept as rows and labels come, so that a look costs the same however many there are.
 */
export function compare(db: Kysely<MonitorSchema>, query: ComparisonQuery): Promise<Comparison> {
  return query.design === 'paired' ? comparePaired(db, query) : compareUnpaired(db, query)
}

async function comparePaired(db: Kysely<MonitorSchema>, { rollout, champion, candidate, design, alpha }: ComparisonQuery): Promise<Comparison> {
  const gains = await readSum(db, { rollout, arm: 'champion', version: champion, shadow: candidate })
  return { design, rows: { champion: gains.count, candidate: gains.count }, gain: gains.count === 0 ? null : gains.mean, ...pairedInterval(gains, alpha), alpha }
}

async function compareUnpaired(db: Kysely<MonitorSchema>, { rollout, champion, candidate, design, alpha }: ComparisonQuery): Promise<Comparison> {
  const [before, tried] = await Promise.all([
    readSum(db, { rollout, arm: 'champion', version: champion, shadow: '' }),
    readSum(db, { rollout, arm: 'candidate', version: candidate, shadow: '' }),
  ])
  const rows = { champion: before.count, candidate: tried.count }
  const known = rows.champion > 0 && rows.candidate > 0
  return { design, rows, gain: known ? before.mean - tried.mean : null, ...unpairedInterval(before, tried, alpha), alpha }
}
