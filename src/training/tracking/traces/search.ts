import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { MillraceError } from '../../../platform/errors/index.ts'
import { type Condition, type SortKey, ascending, descending, readPage } from '../../search/index.ts'
import { inChunks } from '../../store.ts'
import type { Queries } from '../../tables.ts'
import { type TraceClause, type TraceOrder, isNumeric, parseTraceFilter, parseTraceOrder } from './filter.ts'
import { METADATA } from './keys.ts'
import type { TraceRow } from './store.ts'

export interface TraceSearch {
  readonly experimentIds: readonly number[]
  readonly filter: string | undefined
  readonly orderBy: readonly string[]
  readonly limit: number
  readonly token: string | undefined
}

const COLUMNS: Readonly<Record<string, RawBuilder<unknown>>> = {
  request_id: sql`t.trace_id`,
  status: sql`t.state`,
  client_request_id: sql`t.client_request_id`,
  experiment_id: sql`cast(t.experiment_id as text)`,
  timestamp_ms: sql`t.request_time`,
  execution_time_ms: sql`t.execution_time`,
  end_time_ms: sql`(t.request_time + coalesce(t.execution_time, 0))`,
}

export async function searchTraces(db: Queries, { experimentIds, filter, orderBy, limit, token }: TraceSearch): Promise<{ readonly rows: readonly TraceRow[]; readonly next: string | undefined }> {
  const where = traceConditions(filter)
  const orders = orderBy.map(parseTraceOrder)
  const names = orders.map(({ entity, key }) => `${entity}.${key}`)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new MillraceError('SEARCH_INVALID', `\`order_by\` contains duplicate fields: ${twice}`)
  if (experimentIds.length === 0) return { rows: [], next: undefined }
  const { rows: ids, next } = await readPage<{ id: string }>(db, {
    select: sql`t.trace_id as id`,
    from: sql`traces as t`,
    where: [...where, sql`t.experiment_id in (${sql.join(experimentIds)})`],
    order: [...orders.flatMap(sortKeys), descending('number', sql`t.request_time`), ascending('string', sql`t.trace_id`)],
    limit,
    token,
    question: ['traces', experimentIds, filter ?? '', orderBy],
  })
  const found = await inChunks(ids.map(({ id }) => id), (chunk) => db.selectFrom('traces').selectAll().where('trace_id', 'in', chunk).execute())
  const byId = new Map(found.map((row) => [row.trace_id, row]))
  return { rows: ids.flatMap(({ id }) => byId.get(id) ?? []), next }
}

/** Conditions on `traces as t`. */
export function traceConditions(filter: string | undefined): readonly Condition[] {
  const clauses = parseTraceFilter(filter).map(asPattern)
  const onSpans = clauses.filter(({ entity }) => entity === 'span')
  const others = clauses.filter(({ entity }) => entity !== 'span').map(condition)
  if (onSpans.length === 0) return others
  // All clauses on spans hold for one and the same span.
  return [...others, sql<SqlBool>`exists (select 1 from spans as s where s.trace_id = t.trace_id and ${sql.join(onSpans.map(spanCondition), sql` and `)})`]
}

function condition(clause: TraceClause): Condition {
  const { entity, key, operator, values } = clause
  switch (entity) {
    case 'attribute':
      if (key === 'prompt') return sql`exists (select 1 from trace_prompts as p where p.trace_id = t.trace_id and p.name || '/' || p.version = ${values[0]})`
      return compare(columnOf(key), clause)
    case 'tag':
      return pair('trace_tags', clause)
    case 'metadata':
      if (key === METADATA.sourceRun && operator === '=') {
        return sql`(${pair('trace_metadata', clause)} or exists (select 1 from trace_runs as r where r.trace_id = t.trace_id and r.run_id = ${values[0]}))`
      }
      return pair('trace_metadata', clause)
    case 'feedback':
    case 'expectation':
      return assessed(clause)
    case 'issue':
      return sql`exists (select 1 from assessments as a where a.trace_id = t.trace_id and a.kind = 'issue' and a.name = ${values[0]})`
    case 'span':
      throw new TypeError('clauses on spans are joined')
  }
}

function columnOf(key: string): RawBuilder<unknown> {
  const column = COLUMNS[key]
  if (column === undefined) throw new TypeError(`no column for the attribute ${key}`)
  return column
}

/** A row without the key satisfies only IS NULL. */
function pair(table: 'trace_tags' | 'trace_metadata', clause: TraceClause): Condition {
  const rows = sql`select 1 from ${sql.table(table)} as x where x.trace_id = t.trace_id and x.key = ${clause.key}`
  if (clause.operator === 'IS NULL') return sql`not exists (${rows})`
  if (clause.operator === 'IS NOT NULL') return sql`exists (${rows})`
  return sql`exists (${rows} and ${compare(sql`x.value`, clause)})`
}

/** Values are kept as JSON: `yes` is `"yes"`, and `true` stands for both the truth and the word. */
function assessed(clause: TraceClause): Condition {
  const { entity, key, operator, values } = clause
  const rows = sql`select 1 from assessments as a where a.trace_id = t.trace_id and a.kind = ${entity} and a.name = ${key} and a.valid = 1`
  if (operator === 'IS NULL') return sql`not exists (${rows})`
  if (operator === 'IS NOT NULL') return sql`exists (${rows})`
  const [value] = values
  const text = String(value)
  switch (operator) {
    case '=':
      return sql`exists (${rows} and a.value in (${text}, ${JSON.stringify(text)}))`
    case '!=':
      return sql`exists (${rows} and a.value not in (${text}, ${JSON.stringify(text)}))`
    case 'LIKE':
    case 'ILIKE':
      return sql`exists (${rows} and (${compare(sql`a.value`, clause)} or ${compare(sql`a.value`, { ...clause, values: [JSON.stringify(text)] })}))`
    default:
      return sql`exists (${rows} and ${compare(sql`a.number`, clause)})`
  }
}

function spanCondition(clause: TraceClause): Condition {
  if (['name', 'type', 'status'].includes(clause.key)) return compare(sql.ref(`s.${clause.key}`), clause)
  const [value] = clause.values
  if (clause.key === 'content') return sql`(${compare(sql`s.name`, clause)} or ${compare(sql`s.content`, clause)})`
  // Attributes stand in the span's JSON as "key":"JSON text": a text is found there with its quotes twice over.
  const name = JSON.stringify(clause.key.slice('attributes.'.length))
  const within = (text: string) => JSON.stringify(JSON.stringify(text)).slice(1, -1)
  const raw = (text: string) => JSON.stringify(text).slice(1, -1)
  const text = String(value)
  const matches = (pattern: string, operator: 'LIKE' | 'ILIKE') => compare(sql`s.content`, { ...clause, operator, values: [pattern] })
  if (clause.operator === 'LIKE' || clause.operator === 'ILIKE') {
    return matches(`%${literal(`${name}:"`)}${within('').slice(0, 2)}${within(text).slice(2, -2)}%`, clause.operator)
  }
  const equal = sql<SqlBool>`(${matches(`%${literal(`${name}:"${within(text)}"`)}%`, 'LIKE')} or ${matches(`%${literal(`${name}:"${raw(text)}"`)}%`, 'LIKE')})`
  const present = matches(`%${literal(`${name}:"`)}%`, 'LIKE')
  return clause.operator === '=' ? equal : sql`(${present} and not ${equal})`
}

/** `~` is the mark of what is no placeholder in LIKE, here; whoever searches does not know. */
function asPattern(clause: TraceClause): TraceClause {
  if (clause.operator !== 'LIKE' && clause.operator !== 'ILIKE') return clause
  return { ...clause, values: clause.values.map((value) => String(value).replaceAll('~', '~~')) }
}

/** Marks what LIKE would take for a placeholder. */
function literal(text: string): string {
  return text.replace(/[~%_]/g, (character) => `~${character}`)
}

function compare(column: RawBuilder<unknown>, { operator, values }: TraceClause): Condition {
  const [value] = values
  switch (operator) {
    case '=':
      return sql`${column} = ${value}`
    case '!=':
      return sql`${column} <> ${value}`
    case '>':
    case '>=':
    case '<':
    case '<=':
      return sql`${column} ${sql.raw(operator)} ${Number.isSafeInteger(value) ? value : sql`cast(${value} as double precision)`}`
    case 'LIKE':
      return sql`${column} like ${value} escape '~'`
    case 'ILIKE':
      return sql`lower(${column}) like lower(${value}) escape '~'`
    case 'IN':
      return sql`${column} in (${sql.join(values)})`
    case 'NOT IN':
      return sql`${column} not in (${sql.join(values)})`
    case 'IS NULL':
      return sql`${column} is null`
    case 'IS NOT NULL':
      return sql`${column} is not null`
  }
}

/** What has no value comes last, whichever way. */
function sortKeys({ entity, key, descending: down }: TraceOrder): readonly SortKey[] {
  if (entity === 'attribute') {
    const numeric = isNumeric(key)
    const expression = columnOf(key)
    if (key !== 'execution_time_ms' && key !== 'client_request_id') return [{ expression, type: numeric ? 'number' : 'string', descending: down }]
    return withAbsence(expression, numeric, down)
  }
  const table = entity === 'tag' ? 'trace_tags' : 'trace_metadata'
  return withAbsence(sql`(select x.value from ${sql.table(table)} as x where x.trace_id = t.trace_id and x.key = ${key})`, false, down)
}

function withAbsence(expression: RawBuilder<unknown>, numeric: boolean, down: boolean): readonly SortKey[] {
  return [
    ascending('number', sql`case when ${expression} is null then 1 else 0 end`),
    { expression: sql`coalesce(${expression}, ${numeric ? sql`0` : sql`''`})`, type: numeric ? 'number' : 'string', descending: down },
  ]
}
