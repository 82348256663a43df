import { type RawBuilder, sql } from 'kysely'
import type { ViewType } from '../../../api/tracking.ts'
import { type Clause, type Condition, type Order, RUNS, type SortKey, after, ascending, compare, compareMetric, decodeToken, descending, encodeToken, impossible, parseFilter, parseOrders, related, startsAs } from '../../search/index.ts'
import { chunksOf } from '../../store.ts'
import { smallest } from './search-start.ts'
import type { RunsContext } from './service.ts'

export interface RunSearch {
  readonly experimentIds: readonly number[]
  readonly filter: string | undefined
  readonly orderBy: readonly string[] | undefined
  readonly view: ViewType
  readonly limit: number
  readonly token: string | undefined
}

/** One way through the runs. The first sort keys, as many as `same` has, have these values for all rows of it; its rows are in the order of the others. */
interface Walk {
  readonly from: RawBuilder<unknown>
  readonly where: readonly Condition[]
  readonly same: readonly number[]
  readonly order: readonly SortKey[]
}

const owned = (table: string, metric?: true) => ({ table, columns: ['run_id'], ...(metric ? { metric } : {}) })
const TABLES = { metric: owned('latest_metrics', true), param: owned('params'), tag: owned('run_tags') } as const
const NUMBERS = new Set(['start_time', 'end_time', 'experiment_id'])
/** Larger pages are sent as they are read. */
const WHOLE_PAGE = 1000
const RUNS_AT_ONCE = 200

/** Ids of the runs of the experiments that satisfy the filter, a page at a time. */
export async function searchRuns({ db }: RunsContext, search: RunSearch): Promise<{ readonly ids: readonly string[]; readonly next: string | undefined }> {
  const { experimentIds, filter, orderBy, view, limit, token } = search
  const clauses = parseFilter(RUNS, filter)
  const orders = parseOrders(RUNS, orderBy)
  if (experimentIds.length === 0) return { ids: [], next: undefined }
  const stage: readonly Condition[] = view === 'ALL' ? [] : [sql`runs.lifecycle_stage = ${view === 'ACTIVE_ONLY' ? 'active' : 'deleted'}`]
  const keys = sortKeys(orders)
  const question = ['runs', experimentIds, filter ?? '', orderBy ?? [], view]
  const values = token === undefined || token === '' ? undefined : decodeToken(token, keys.map(({ type }) => type), question)
  const [first] = orders
  const start = await smallest(db, experimentIds, view, clauses)
  // The plus keeps SQLite from beginning at the experiments where beginning at a clause finds fewer runs.
  const within = sql<boolean>`${sql.raw(start === undefined || start === 'runs' ? '' : '+')}runs.experiment_id in (${sql.join(experimentIds)})`
  const walks =
    start === undefined && first?.entity === 'metric' && experimentIds.length === 1 && experimentIds[0] !== undefined
      ? metricWalks(experimentIds[0], orders, keys, stage, clauses)
      : [{ from: sql`runs ${joins(orders)}`, where: [within, ...stage, ...gathered(start, clauses, experimentIds)], same: [], order: keys }]

  const rows: object[] = []
  for (const { from, where, same, order } of walks) {
    if (values !== undefined && Number(values[0]) > (same[0] ?? Number.POSITIVE_INFINITY)) continue
    // In a walk behind that of the last row, all is behind it.
    const behind = values !== undefined && (same[0] ?? values[0]) === values[0] ? [after(order, values.slice(same.length))] : []
    const named = [...same.map((value) => sql`${sql.lit(value)}`), ...order.map(({ expression }) => expression)]
    const found = await sql<object>`select runs.run_id as id, ${sql.join(named.map((expression, i) => sql`${expression} as ${sql.ref(`k${i}`)}`))} from ${from}
      where ${sql.join([...where, ...behind].map((one) => sql`(${one})`), sql` and `)}
      order by ${sql.join(order.map((key) => sql`${key.expression} ${sql.raw(key.descending ? 'desc' : 'asc')}`))}
      limit ${limit + 1 - rows.length}`.execute(db.reading)
    rows.push(...found.rows)
    if (rows.length > limit) break
  }
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const next = rows.length > limit && last !== undefined ? encodeToken(keys.map((_, i) => Reflect.get(last, `k${i}`)), question) : undefined
  return { ids: page.map((row) => String(Reflect.get(row, 'id'))), next }
}

/** The answer to a search: whole runs, from their documents. */
export async function pageOf({ documents }: RunsContext, ids: readonly string[], next: string | undefined): Promise<string | AsyncIterable<string>> {
  const end = next === undefined ? ']}' : `],"next_page_token":${JSON.stringify(next)}}`
  const join = async (chunk: readonly string[]) => {
    const found = await documents.read(chunk)
    // One that has been removed since is passed over.
    return chunk.flatMap((id) => found.get(id) ?? []).join(',')
  }
  if (ids.length <= WHOLE_PAGE) return `{"runs":[${await join(ids)}${end}`
  return (async function* () {
    let before = '{"runs":['
    for (const chunk of chunksOf(ids, RUNS_AT_ONCE)) {
      const text = await join(chunk)
      if (text === '') continue
      yield before + text
      before = ','
    }
    yield before === ',' ? end : before + end
  })()
}

/**
 * In the order of one metric: runs that have it, along its index; then those where it is not a number; then those without it. None of them reads more than it
 * must to fill a page.
 */
function metricWalks(experimentId: number, orders: readonly Order[], keys: readonly SortKey[], stage: readonly Condition[], clauses: readonly Clause[]): readonly Walk[] {
  const [first] = orders
  const key = first?.key ?? ''
  const rest = keys.slice(2)
  const joined = joins(orders.slice(1), 1)
  const own = clauses.filter((clause) => clause.entity === 'metric' && clause.key === key)
  const others = clauses.filter((clause) => !own.includes(clause))
  const along = (isNan: 0 | 1) => ({
    from: sql`latest_metrics as o0 cross join runs ${joined}`,
    where: [
      sql<boolean>`o0.experiment_id = ${experimentId} and o0.key = ${key} and o0.is_nan = ${sql.lit(isNan)} and runs.run_id = o0.run_id`,
      ...stage,
      ...own.map((clause) => compareMetric('o0', clause)),
      // Of what was found in the index: its run is looked up last.
      ...others.map((clause) => condition(clause, { owner: 'o0' })),
    ],
  })
  const descends = first?.descending === true
  const value: SortKey = { expression: sql`o0.value`, type: 'number', descending: descends }
  const without = sql<boolean>`not exists (select 1 from latest_metrics as o0 where o0.run_id = runs.run_id and o0.key = ${key})`
  return [
    { ...along(0), same: [0], order: [value, ...rest] },
    { ...along(1), same: [1, 0], order: rest },
    ...(own.length > 0 ? [] : [{ from: sql`runs ${joined}`, where: [sql<boolean>`runs.experiment_id = ${experimentId}`, without, ...stage, ...others.map((clause) => condition(clause))], same: [2, 0], order: rest }]),
  ]
}

/** The clauses of a query that begins at the index of one of them: what it finds there is put to the others before its run is looked up. */
function gathered(start: Clause | 'runs' | undefined, clauses: readonly Clause[], experimentIds: readonly number[]): readonly Condition[] {
  if (start === undefined || start === 'runs' || start.entity === 'attribute' || start.entity === 'dataset') return clauses.map((clause) => condition(clause))
  const { table } = TABLES[start.entity]
  const own =
    start.entity === 'metric'
      ? sql`s.experiment_id in (${sql.join(experimentIds)}) and s.key = ${start.key} and ${compareMetric('s', start)}`
      : sql`s.key = ${start.key} and ${startsAs('s', start)}`
  const others = clauses.filter((clause) => clause !== start)
  const inside = others.filter(({ entity }) => entity !== 'attribute' && entity !== 'dataset').map((clause) => condition(clause, { owner: 's' }))
  const outside = others.filter(({ entity }) => entity === 'attribute' || entity === 'dataset').map((clause) => condition(clause))
  return [sql`runs.run_id in (select s.run_id from ${sql.table(table)} as s where ${sql.join([own, ...inside], sql` and `)})`, ...outside]
}

/** A clause that looks up each run that a query comes upon, by the `run_id` of `owner`. */
export function condition(clause: Clause, { owner = 'runs' }: { readonly owner?: string } = {}): Condition {
  switch (clause.entity) {
    case 'metric':
    case 'param':
    case 'tag':
      return related({ ...TABLES[clause.entity], owner }, clause, true)
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

/** What an order looks at beside `runs`: at most one row a run. The first of `orders` is the order number `from`. */
function joins(orders: readonly Order[], from = 0): RawBuilder<unknown> {
  const one = ({ entity, key }: Order, i: number) => {
    if (entity === 'attribute' || entity === 'dataset') return sql``
    const alias = `o${i + from}`
    return sql`left join ${sql.table(TABLES[entity].table)} as ${sql.ref(alias)} on ${sql.ref(`${alias}.run_id`)} = runs.run_id and ${sql.ref(`${alias}.key`)} = ${key}`
  }
  return orders.length === 0 ? sql`` : sql.join(orders.map(one), sql` `)
}

/** Values first, then NaN, then runs without one; then the latest started, then the id. */
function sortKeys(orders: readonly Order[]): readonly SortKey[] {
  const keys = orders.flatMap(({ entity, key, descending: down }, i): readonly SortKey[] => {
    const value = entity === 'attribute' ? sql.ref(`runs.${key}`) : sql.ref(`o${i}.value`)
    const numeric = entity === 'metric' || (entity === 'attribute' && NUMBERS.has(key))
    const type = numeric ? 'number' : 'string'
    // A column that cannot be null needs no flag for its absence, and without one the default order comes from the index.
    if (entity === 'attribute' && key !== 'end_time') return [{ expression: value, type, descending: down }]
    const absent = entity === 'metric' ? sql`case when ${sql.ref(`o${i}.is_nan`)} = 1 then 1 when ${value} is null then 2 else 0 end` : sql`case when ${value} is null then 1 else 0 end`
    return [ascending('number', absent), { expression: sql`coalesce(${value}, ${numeric ? sql`0` : sql`''`})`, type, descending: down }]
  })
  const timed = orders.some(({ entity, key }) => entity === 'attribute' && key === 'start_time')
  return [...keys, ...(timed ? [] : [descending('number', sql`runs.start_time`)]), ascending('string', sql`runs.run_id`)]
}
