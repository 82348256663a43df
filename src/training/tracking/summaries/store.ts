import { type RawBuilder, sql } from 'kysely'
import type { RunColumns, RunGroup, ViewType } from '../../../api/tracking.ts'
import { invalid } from '../../mlflow/errors.ts'
import { type Condition, RUNS, parseFilter, parseOrder } from '../../search/index.ts'
import type { Queries } from '../../tables.ts'
import { condition } from '../runs/search.ts'

export interface RunsQuestion {
  readonly experimentIds: readonly number[]
  readonly filter: string | undefined
  readonly view: ViewType
}

/** The largest groups; a table that has more is grouped by the wrong thing. */
const MOST_GROUPS = 1000
/** Columns are those of so many of the latest runs: what is read stays the same however many runs there are. */
const RUNS_LOOKED_AT = 500
const GROUPED_ATTRIBUTES = ['status', 'user_id']

export async function countRuns(db: Queries, question: RunsQuestion): Promise<number> {
  const where = conditions(question)
  if (where === undefined) return 0
  const { rows } = await sql<{ count: number }>`select count(*) as count from runs where ${where}`.execute(db)
  return Number(rows[0]?.count ?? 0)
}

/** Values of a param, a tag or an attribute, those of most runs first; null stands for the runs that have none. Throws BAD_REQUEST for anything else. */
export async function groupRuns(db: Queries, question: RunsQuestion, by: string): Promise<readonly RunGroup[]> {
  const { entity, key } = parseOrder(RUNS, by)
  const where = conditions(question)
  const known = entity === 'param' || entity === 'tag' || (entity === 'attribute' && GROUPED_ATTRIBUTES.includes(key))
  if (!known) throw invalid(`group_by: found ${by}, expected a param, a tag, or one of the attributes ${GROUPED_ATTRIBUTES.join(', ')}`)
  if (where === undefined) return []
  const value = entity === 'attribute' ? sql.ref(`runs.${key}`) : sql.ref('g.value')
  const joined = entity === 'attribute' ? sql`` : sql`left join ${sql.table(entity === 'param' ? 'params' : 'run_tags')} as g on g.run_id = runs.run_id and g.key = ${key}`
  const { rows } = await sql<{ value: string | null; count: number }>`select ${value} as value, count(*) as count from runs ${joined} where ${where}
    group by ${value} order by count(*) desc, ${value} limit ${MOST_GROUPS}`.execute(db)
  return rows.map(({ value, count }) => ({ value, count: Number(count) }))
}

/** Keys of the latest runs, each kind in order. */
export async function columnsOf(db: Queries, question: RunsQuestion): Promise<RunColumns> {
  const where = conditions(question)
  const keys = async (table: string): Promise<readonly string[]> => {
    if (where === undefined) return []
    const latest = sql`select runs.run_id from runs where ${where} order by runs.start_time desc limit ${RUNS_LOOKED_AT}`
    const { rows } = await sql<{ key: string }>`select distinct key from ${sql.table(table)} where run_id in (${latest}) order by key`.execute(db)
    return rows.map(({ key }) => key)
  }
  return { metrics: await keys('latest_metrics'), params: await keys('params'), tags: await keys('run_tags') }
}

function conditions({ experimentIds, filter, view }: RunsQuestion): RawBuilder<unknown> | undefined {
  const clauses = parseFilter(RUNS, filter).map((clause): Condition => condition(clause))
  if (experimentIds.length === 0) return undefined
  const stage = view === 'ALL' ? [] : [sql`runs.lifecycle_stage = ${view === 'ACTIVE_ONLY' ? 'active' : 'deleted'}`]
  return sql.join([sql`runs.experiment_id in (${sql.join(experimentIds)})`, ...stage, ...clauses].map((one) => sql`(${one})`), sql` and `)
}
