import { LRUCache } from 'lru-cache'
import type { ViewType } from '../../../api/tracking.ts'
import { type Database, type Statement, statement } from '../../../platform/db/index.ts'
import type { Clause } from '../../search/index.ts'
import type { TrackingSchema } from '../../tables.ts'

/**
 * A search that finds few runs by one index gathers and sorts them; only where every clause and the experiments themselves hold more than this does it walk along an
 * index in the order that was asked for. So many are counted at most, in about the time of one page.
 */
const FEW = 1000

/** How many a search would find only decides on the way to them, so an answer of a moment ago will do. */
const REMEMBERED = { max: 1000, ttl: 5000 }
const counts = new WeakMap<Database<TrackingSchema>, LRUCache<string, number>>()

type Count = [count: number]
const counted = (text: string) => `select count(*) from (${text} limit ${FEW + 1}) as found`

const RUNS_OF: Statement<Count> = statement({ experiment_id: 'bigint' }, counted(`select 1 from {given} inner join runs on runs.experiment_id = given.experiment_id`))
const RUNS_IN_STAGE: Statement<Count> = statement(
  { experiment_id: 'bigint', stage: 'text' },
  counted(`select 1 from {given} inner join runs on runs.experiment_id = given.experiment_id and runs.lifecycle_stage = given.stage`),
)
const metric = (operator: string): Statement<Count> =>
  statement(
    { experiment_id: 'bigint', key: 'text', value: 'double precision' },
    counted(
      `select 1 from {given} inner join latest_metrics as x on x.experiment_id = given.experiment_id and x.key = given.key and x.is_nan = 0 and x.value ${operator} given.value`,
    ),
  )
const METRICS = { '=': metric('='), '>': metric('>'), '>=': metric('>='), '<': metric('<'), '<=': metric('<=') } as const
const text = (table: string): Statement<Count> =>
  statement({ key: 'text', value: 'text' }, counted(`select 1 from {given} inner join ${table} as x on x.key = given.key and substr(x.value, 1, 200) = given.value`))
const TEXTS = { param: text('params'), tag: text('run_tags') } as const

/** Where a search best begins: at the runs of its experiments, or at the clause with the fewest; undefined where all of them are many. */
export async function smallest(db: Database<TrackingSchema>, experimentIds: readonly number[], view: ViewType, clauses: readonly Clause[]): Promise<Clause | 'runs' | undefined> {
  const count: Counter = async (statements, rows) => {
    const found = await db.each(db.reading, statements, rows)
    return found.reduce((sum, [one]) => sum + one, 0)
  }
  const stage = view === 'DELETED_ONLY' ? 'deleted' : 'active'
  const remembered = rememberedOf(db)
  const once = async (of: Clause | ViewType, ask: () => Promise<number> | number): Promise<number> => {
    const key = JSON.stringify([experimentIds, of])
    const known = remembered.get(key)
    if (known !== undefined) return known
    const found = await ask()
    remembered.set(key, found)
    return found
  }
  const runs = await once(view, () => (view === 'ALL' ? count(RUNS_OF, experimentIds.map((id) => [id])) : count(RUNS_IN_STAGE, experimentIds.map((id) => [id, stage]))))
  let fewest = runs
  let best: Clause | 'runs' | undefined = runs <= FEW ? 'runs' : undefined
  for (const clause of clauses) {
    const found = await once(clause, () => countOf(clause, experimentIds, count))
    // A clause costs a little more for each of its runs than the experiments do, which need not be looked up.
    if (found > FEW || found * 1.5 >= fewest) continue
    fewest = found
    best = clause
  }
  return best
}

function rememberedOf(db: Database<TrackingSchema>): LRUCache<string, number> {
  const known = counts.get(db)
  if (known) return known
  const made = new LRUCache<string, number>(REMEMBERED)
  counts.set(db, made)
  return made
}

type Counter = (counts: Statement<Count>, rows: readonly (readonly (string | number)[])[]) => Promise<number>

function countOf(clause: Clause, experimentIds: readonly number[], count: Counter): Promise<number> | number {
  if (clause.entity === 'metric' && clause.type === 'number' && clause.operator !== '!=') {
    return count(METRICS[clause.operator], experimentIds.map((id) => [id, clause.key, clause.value]))
  }
  if ((clause.entity === 'param' || clause.entity === 'tag') && clause.type === 'string' && clause.operator === '=') return count(TEXTS[clause.entity], [[clause.key, Array.from(clause.value).slice(0, 200).join('')]])
  return Number.POSITIVE_INFINITY
}
