import { type SqlBool, sql } from 'kysely'
import { invalid } from '../../../mlflow/errors.ts'
import type { Condition } from '../../../search/index.ts'
import type { Queries } from '../../../tables.ts'
import { METADATA, TAG } from '../keys.ts'
import type { Fact, View } from './views.ts'

export interface FactQuery {
  readonly view: View
  readonly experimentIds: readonly number[]
  readonly filters: readonly string[]
  /** Milliseconds since 1970; both ends included. */
  readonly from: number | undefined
  readonly to: number | undefined
}

const TOKENS_AND_SESSION = sql`(select x.value from trace_metadata as x where x.trace_id = t.trace_id and x.key = ${METADATA.tokenUsage})`
const SESSION = sql`(select x.value from trace_metadata as x where x.trace_id = t.trace_id and x.key = ${METADATA.session})`
const NAME = sql`(select x.value from trace_tags as x where x.trace_id = t.trace_id and x.key = ${TAG.name})`

export async function readFacts(db: Queries, { view, experimentIds, filters, from, to }: FactQuery): Promise<readonly Fact[]> {
  const time = view === 'SPANS' ? sql`s.start_us / 1000` : sql`t.request_time`
  const where: Condition[] = [sql`t.experiment_id in (${sql.join(experimentIds)})`, ...filters.map((filter) => condition(view, filter))]
  if (from !== undefined) where.push(sql`${time} >= ${from}`)
  if (to !== undefined) where.push(sql`${time} <= ${to}`)
  const all = sql.join(where, sql` and `)
  switch (view) {
    case 'TRACES': {
      const { rows } = await sql<Omit<Fact, 'json'> & { readonly tokens: string | null; readonly session: string | null }>`
        select t.request_time as time, ${NAME} as name, t.state as status, null as type, t.execution_time as number, ${TOKENS_AND_SESSION} as tokens, ${SESSION} as session
        from traces as t where ${all}`.execute(db)
      return rows.map(({ tokens, session, ...row }) => ({ ...row, json: JSON.stringify({ [METADATA.tokenUsage]: tokens ?? undefined, [METADATA.session]: session ?? undefined }) }))
    }
    case 'SPANS':
      return (await sql<Fact>`select ${time} as time, s.name, s.status, s.type, (s.end_us - s.start_us) / 1000.0 as number, s.content as json
        from spans as s inner join traces as t on t.trace_id = s.trace_id where ${all}`.execute(db)).rows.map(numeric)
    case 'ASSESSMENTS':
      return (await sql<Fact>`select t.request_time as time, a.name, null as status, a.kind as type, a.number, a.value as json
        from assessments as a inner join traces as t on t.trace_id = a.trace_id where a.valid = 1 and ${all}`.execute(db)).rows
  }
}

/** PostgreSQL gives quotients as text. */
function numeric(fact: Fact): Fact {
  return { ...fact, number: fact.number === null ? null : Number(fact.number) }
}

const FILTER = /^(trace|span|assessment)\.(\w+)(?:\.(`[^`]+`|"[^"]+"|[^\s=]+))?\s*=\s*(?:'((?:[^']|'')*)'|"((?:[^"]|"")*)")$/

/** `trace.status = 'OK'`, `trace.tag.KEY = '…'`, `trace.metadata.KEY = '…'`, `span.name|status|type = '…'`, `assessment.name|type = '…'`. */
function condition(view: View, filter: string): Condition {
  const match = FILTER.exec(filter.trim())
  const refused = () => invalid(`Invalid filter of trace metrics: ${JSON.stringify(filter)}: expected such as trace.status = 'OK' or span.name = 'call'`)
  if (match === null) throw refused()
  const [, of = '', field = '', quotedKey, single, double] = match
  const key = quotedKey?.replace(/^[`"]|[`"]$/g, '')
  const value = single?.replaceAll("''", "'") ?? double?.replaceAll('""', '"') ?? ''
  if (of === 'trace' && field === 'status' && key === undefined) return sql`t.state = ${value}`
  if (of === 'trace' && (field === 'tag' || field === 'metadata') && key !== undefined) {
    return sql<SqlBool>`exists (select 1 from ${sql.table(field === 'tag' ? 'trace_tags' : 'trace_metadata')} as f where f.trace_id = t.trace_id and f.key = ${key} and f.value = ${value})`
  }
  if (of === 'span' && view === 'SPANS' && ['name', 'status', 'type'].includes(field)) return sql`${sql.ref(`s.${field}`)} = ${value}`
  if (of === 'span' && view !== 'SPANS' && ['name', 'status', 'type'].includes(field)) {
    return sql`exists (select 1 from spans as f where f.trace_id = t.trace_id and ${sql.ref(`f.${field}`)} = ${value})`
  }
  const column = field === 'type' ? 'kind' : field
  if (of === 'assessment' && view === 'ASSESSMENTS' && ['name', 'kind'].includes(column)) return sql`${sql.ref(`a.${column}`)} = ${value}`
  if (of === 'assessment' && ['name', 'kind'].includes(column)) return sql`exists (select 1 from assessments as f where f.trace_id = t.trace_id and ${sql.ref(`f.${column}`)} = ${value})`
  throw refused()
}
