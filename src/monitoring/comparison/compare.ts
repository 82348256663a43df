import { setImmediate as turn } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type { Comparison, ComparisonQuery } from '../../api/rollouts.ts'
import { boundedLogLoss, losses, pairedGains, pairedInterval, unpairedInterval } from '../../domain/sequential/index.ts'
import type { MonitorSchema } from '../tables.ts'

/** Rows read at a time: between two pages other requests have their turn. */
const PAGE = 5000

/**
 * The candidate of a rollout beside the version before it, on all rows that a hash assigned and whose truth is known now. Callers that chose for themselves are left out: they may be of
 * another kind. Only sums are made, so it does not matter in which order labels came.
 */
export function compare(db: Kysely<MonitorSchema>, query: ComparisonQuery): Promise<Comparison> {
  return query.design === 'paired' ? comparePaired(db, query) : compareUnpaired(db, query)
}

async function comparePaired(db: Kysely<MonitorSchema>, { rollout, champion, candidate, design, alpha }: ComparisonQuery): Promise<Comparison> {
  const gains = pairedGains()
  for await (const page of pages((after) =>
    db
      .selectFrom('exposures as e')
      .innerJoin('truths as t', 't.pid', 'e.pid')
      .innerJoin('scores as a', (join) => join.onRef('a.pid', '=', 'e.pid').on('a.version', '=', champion).on('a.answered', '=', 1))
      .innerJoin('scores as s', (join) => join.onRef('s.pid', '=', 'e.pid').on('s.version', '=', candidate).on('s.answered', '=', 0))
      .select(['e.pid', 'a.score as answered', 's.score as shadow', 't.label'])
      .where('e.rollout', '=', rollout)
      .where('e.randomised', '=', 1)
      .where('e.arm', '=', 'champion')
      .where('e.pid', '>', after)
      .orderBy('e.pid')
      .limit(PAGE)
      .execute(),
  )) {
    for (const { answered, shadow, label } of page) gains.add(boundedLogLoss(answered, label) - boundedLogLoss(shadow, label))
  }
  return { design, rows: { champion: gains.count, candidate: gains.count }, gain: gains.count === 0 ? null : gains.mean, ...pairedInterval(gains, alpha), alpha }
}

async function compareUnpaired(db: Kysely<MonitorSchema>, { rollout, champion, candidate, design, alpha }: ComparisonQuery): Promise<Comparison> {
  const arms = { champion: losses(), candidate: losses() }
  const versions = { champion, candidate }
  for await (const page of pages((after) =>
    db
      .selectFrom('exposures as e')
      .innerJoin('truths as t', 't.pid', 'e.pid')
      .innerJoin('scores as a', (join) => join.onRef('a.pid', '=', 'e.pid').on('a.answered', '=', 1))
      .select(['e.pid', 'e.arm', 'a.version', 'a.score', 't.label'])
      .where('e.rollout', '=', rollout)
      .where('e.randomised', '=', 1)
      .where('e.pid', '>', after)
      .orderBy('e.pid')
      .limit(PAGE)
      .execute(),
  )) {
    for (const { arm, version, score, label } of page) if (version === versions[arm]) arms[arm].add(boundedLogLoss(score, label))
  }
  const rows = { champion: arms.champion.count, candidate: arms.candidate.count }
  const known = rows.champion > 0 && rows.candidate > 0
  return { design, rows, gain: known ? arms.champion.mean - arms.candidate.mean : null, ...unpairedInterval(arms.champion, arms.candidate, alpha), alpha }
}

/** A request has one row in each of these answers, or, where it was sent again under its id, a few: none is cut in two by the end of a page. */
async function* pages<R extends { readonly pid: number }>(read: (after: number) => Promise<R[]>): AsyncGenerator<R[]> {
  for (let after = -1; ; ) {
    const rows = await read(after)
    const last = rows.at(-1)?.pid
    if (last === undefined) return
    if (rows.length < PAGE) {
      yield rows
      return
    }
    const whole = rows.filter(({ pid }) => pid < last)
    yield whole
    after = last - 1
    await turn()
  }
}
