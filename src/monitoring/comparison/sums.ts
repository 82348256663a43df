import type { Kysely } from 'kysely'
import type { Arm } from '../../api/rollouts.ts'
import { type Tally, boundedLogLoss, losses, pairedGains } from '../../domain/sequential/index.ts'
import { chunks } from '../inference/bulk.ts'
import type { MonitorSchema } from '../tables.ts'

type Db = Kysely<MonitorSchema>

/** Of which requests there is one sum: those of a rollout that a hash assigned to `arm` and `version` answered. With a `shadow`, which predicted the same rows, gains are summed; without, losses. */
interface Group {
  readonly rollout: string
  readonly arm: Arm
  readonly version: string
  /** A version; '' for none. */
  readonly shadow: string
}

/** One request's part in a sum. It is known when its truth is, and never changes: of two answers by one version the first counts. */
interface Term extends Group {
  readonly value: number
}

/** Terms, by what must not be counted twice. */
export type Terms = ReadonlyMap<string, Term>

const NO_TERMS: Terms = new Map()

/** The terms of requests that are known now. */
export async function termsOf(db: Db, pids: readonly number[]): Promise<Terms> {
  if (pids.length === 0 || !(await db.selectFrom('exposures').select('pid').limit(1).executeTakeFirst())) return NO_TERMS
  const terms = new Map<string, Term>()
  const add = (pid: number, term: Term): void => {
    const key = `${pid}\n${term.version}\n${term.shadow}`
    if (!terms.has(key)) terms.set(key, term)
  }
  for (const some of chunks(pids)) {
    const answered = db
      .selectFrom('exposures as e')
      .innerJoin('truths as t', 't.pid', 'e.pid')
      .innerJoin('scores as a', (join) => join.onRef('a.pid', '=', 'e.pid').on('a.answered', '=', 1))
      .where('e.randomised', '=', 1)
      .where('e.pid', 'in', some)
    for (const { pid, rollout, arm, version, score, label } of await answered.select(['e.pid', 'e.rollout', 'e.arm', 'a.version', 'a.score', 't.label']).orderBy('a.ordinal').execute()) {
      add(pid, { rollout, arm, version, shadow: '', value: boundedLogLoss(score, label) })
    }
    const pairs = answered.innerJoin('scores as s', (join) => join.onRef('s.pid', '=', 'e.pid').on('s.answered', '=', 0)).where('e.arm', '=', 'champion')
    const select = ['e.pid', 'e.rollout', 'a.version', 'a.score', 's.version as shadow', 's.score as beside', 't.label'] as const
    for (const { pid, rollout, version, score, shadow, beside, label } of await pairs.select(select).orderBy('a.ordinal').orderBy('s.ordinal').execute()) {
      add(pid, { rollout, arm: 'champion', version, shadow, value: boundedLogLoss(score, label) - boundedLogLoss(beside, label) })
    }
  }
  return terms
}

/** Adds what is known of requests beyond `before`; for the transaction in which it became known. */
export async function addTerms(trx: Db, pids: readonly number[], before: Terms = NO_TERMS): Promise<void> {
  const sums = new Map<string, { readonly group: Group; readonly tally: Tally }>()
  for (const [key, { value, ...group }] of await termsOf(trx, pids)) {
    if (before.has(key)) continue
    const name = JSON.stringify(group)
    const sum = sums.get(name) ?? { group, tally: newTally(group) }
    sums.set(name, sum)
    sum.tally.add(value)
  }
  for (const { group, tally } of sums.values()) {
    const { count, sum, squares } = tally
    await trx
      .insertInto('comparison_sums')
      .values({ ...group, count, sum, squares })
      .onConflict((c) =>
        c.columns(['rollout', 'arm', 'version', 'shadow']).doUpdateSet((e) => ({
          count: e('comparison_sums.count', '+', count),
          sum: e('comparison_sums.sum', '+', sum),
          squares: e('comparison_sums.squares', '+', squares),
        })),
      )
      .execute()
  }
}

export async function readSum(db: Db, group: Group): Promise<Tally> {
  const row = await db
    .selectFrom('comparison_sums')
    .select(['count', 'sum', 'squares'])
    .where('rollout', '=', group.rollout)
    .where('arm', '=', group.arm)
    .where('version', '=', group.version)
    .where('shadow', '=', group.shadow)
    .executeTakeFirst()
  return Object.assign(newTally(group), row && { count: Number(row.count), sum: row.sum, squares: row.squares })
}

function newTally({ shadow }: Group): Tally {
  return shadow === '' ? losses() : pairedGains()
}

const PAGE = 5000

/** Adds all that is known; for a database that has no sums yet. */
export async function addAllTerms(trx: Db): Promise<void> {
  for (let after = -1; ; ) {
    const exposed = await trx.selectFrom('exposures').select('pid').where('pid', '>', after).orderBy('pid').limit(PAGE).execute()
    const last = exposed.at(-1)
    if (!last) return
    await addTerms(trx, exposed.map(({ pid }) => pid))
    after = last.pid
  }
}
