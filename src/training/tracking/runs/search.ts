import { type RawBuilder, sql } from 'kysely'
import type { Run, ViewType } from '../../../api/tracking.ts'
import { type Clause, type Condition, type Order, RUNS, type SortKey, ascending, compare, descending, impossible, parseFilter, parseOrders, readPage, related } from '../../search/index.ts'
import { inChunks } from '../../store.ts'
import type { Queries } from '../../tables.ts'
import { presentRuns } from './present.ts'

export interface RunSearch {
  readonly experimentIds: readonly number[]
  readonly filter: string | undefined
  readonly orderBy: readonly string[] | undefined
  readonly view: ViewType
  readonly limit: number
  readonly token: string | undefined
}

const owned = (table: string, metric?: true) => ({ table, columns: ['run_id'], owner: 'runs', ...(metric ? { metric } : {}) })
const TABLES = { metric: owned('latest_metrics', true), param: owned('params'), tag: owned('run_tags') } as const
const NUMBERS = new Set(['start_time', 'end_time'])

/** Runs of the experiments that satisfy the filter, a page at a time. */
export async function searchRuns(db: Queries, search: RunSearch): Promise<{ readonly runs: readonly Run[]; readonly next: string | undefined }> {
  const { experimentIds, filter, orderBy, view, limit, token } = search
  const where = parseFilter(RUNS, filter).map(condition)
  const orders = parseOrders(RUNS, orderBy)
  if (experimentIds.length === 0) return { runs: [], next: undefined }
  where.push(sql`runs.experiment_id in (${sql.join(experimentIds)})`)
  if (view !== 'ALL') where.push(sql`runs.lifecycle_stage = ${view === 'ACTIVE_ONLY' ? 'active' : 'deleted'}`)
  const { rows: ids, next } = await readPage<{ id: string }>(db, {
    select: sql`runs.run_id as id`,
    from: sql`runs ${sql.join(orders.map(join), sql` `)}`,
    where,
    order: sortKeys(orders),
    limit,
    token,
    question: ['runs', experimentIds, filter ?? '', orderBy ?? [], view],
  })
  const found = await inChunks(ids.map(({ id }) => id), (chunk) => db.selectFrom('runs').selectAll().where('run_id', 'in', chunk).execute())
  const byId = new Map(found.map((row) => [row.run_id, row]))
  return { runs: await presentRuns(db, ids.flatMap(({ id }) => byId.get(id) ?? [])), next }
}

function condition(clause: Clause): Condition {
  switch (clause.entity) {
    case 'metric':
    case 'param':
    case 'tag':
      return related(TABLES[clause.entity], clause)
    case 'attribute':
      return compare(clause.key === 'experiment_id' ? sql`cast(runs.experiment_id as text)` : sql.ref(`runs.${clause.key}`), clause)
    case 'dataset': {
      const column = clause.key === 'context' ? sql.ref('u.context') : sql.ref(`d.${clause.key}`)
      return sql`exists (select 1 from run_datasets as u inner join datasets as d on d.dataset_id = u.dataset_id
        where u.run_id = runs.run_id and ${compare(column, clause)})`
    }
    default:
      return impossible(clause)
  }
}

/** What an order looks at beside `runs`: at most one row a run. */
function join({ entity, key }: Order, i: number): RawBuilder<unknown> {
  if (entity === 'attribute' || entity === 'dataset') return sql``
  return sql`left join ${sql.table(TABLES[entity].table)} as ${sql.ref(`o${i}`)} on ${sql.ref(`o${i}.run_id`)} = runs.run_id and ${sql.ref(`o${i}.key`)} = ${key}`
}

/** Values first, then NaN, then runs without one; then the latest started, then the id. */
function sortKeys(orders: readonly Order[]): readonly SortKey[] {
  const keys = orders.flatMap(({ entity, key, descending: down }, i): readonly SortKey[] => {
    const value = entity === 'attribute' ? sql.ref(`runs.${key}`) : sql.ref(`o${i}.value`)
    const numeric = entity === 'metric' || NUMBERS.has(key) || (entity === 'attribute' && key === 'experiment_id')
    const expression = sql`coalesce(${value}, ${numeric ? sql`0` : sql`''`})`
    const type = numeric ? 'number' : 'string'
    // A column that cannot be null needs no flag for its absence, and without one the default order comes from the index.
    if (entity === 'attribute' && key !== 'end_time') return [{ expression: value, type, descending: down }]
    const absent = entity === 'metric' ? sql`case when ${sql.ref(`o${i}.is_nan`)} = 1 then 1 when ${value} is null then 2 else 0 end` : sql`case when ${value} is null then 1 else 0 end`
    return [ascending('number', absent), { expression, type, descending: down }]
  })
  return [...keys, descending('number', sql`runs.start_time`), ascending('string', sql`runs.run_id`)]
}
