import { hash } from 'node:crypto'
import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { MillraceError } from '../../platform/errors/index.ts'
import type { Queries } from '../tables.ts'
import type { Condition } from './conditions.ts'

/** One column of an order. It has no NULLs: a nullable one is two keys, its absence and its value. The last key makes the order total. */
export interface SortKey {
  readonly expression: RawBuilder<unknown>
  readonly type: 'number' | 'string'
  readonly descending: boolean
}

export const ascending = (type: SortKey['type'], expression: RawBuilder<unknown>): SortKey => ({ expression, type, descending: false })
export const descending = (type: SortKey['type'], expression: RawBuilder<unknown>): SortKey => ({ expression, type, descending: true })

export interface PageQuery {
  /** What a row is told by, such as `runs.run_id as id`. */
  readonly select: RawBuilder<unknown>
  /** Tables and joins. */
  readonly from: RawBuilder<unknown>
  readonly where: readonly Condition[]
  readonly order: readonly SortKey[]
  readonly limit: number
  readonly token: string | undefined
  /** What was asked, apart from limit and token: a token serves only the search that it came from. */
  readonly question: unknown
}

export interface Page<Row> {
  readonly rows: readonly Row[]
  readonly next: string | undefined
}

/**
 * One page of a search. A token holds the sort values of the last row, so a later page costs as much as the first and rows added or removed meanwhile
 * neither repeat nor hide others.
 */
export async function readPage<Row extends object>(db: Queries, query: PageQuery): Promise<Page<Row>> {
  const { order, limit } = query
  const where = [...query.where]
  if (query.token !== undefined && query.token !== '') where.push(after(order, decodeToken(query.token, order.map(({ type }) => type), query.question)))
  const keys = order.map(({ expression }, i) => sql`${expression} as ${sql.ref(`k${i}`)}`)
  const { rows } = await sql<Row>`select ${query.select}, ${sql.join(keys)} from ${query.from}
    where ${where.length === 0 ? sql`1 = 1` : sql.join(where.map((condition) => sql`(${condition})`), sql` and `)}
    order by ${sql.join(order.map((key) => sql`${key.expression} ${sql.raw(key.descending ? 'desc' : 'asc')}`))}
    limit ${limit + 1}`.execute(db)
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { rows: page, next: rows.length > limit && last !== undefined ? encodeToken(order.map((_, i) => Reflect.get(last, `k${i}`)), query.question) : undefined }
}

/** Rows behind `values` in the order: greater in the first key, or equal in it and greater in the second, and so on. */
export function after(order: readonly SortKey[], values: readonly (string | number)[]): Condition {
  const alternatives = order.map((key, i) => {
    const equal = order.slice(0, i).map((before, j) => sql`${before.expression} = ${values[j]}`)
    const beyond = sql`${key.expression} ${sql.raw(key.descending ? '<' : '>')} ${values[i]}`
    return sql`(${sql.join([...equal, beyond], sql` and `)})`
  })
  // Implied by each of them, and what an index can begin at.
  const [first] = order
  const bound = first === undefined ? sql`1 = 1` : sql`${first.expression} ${sql.raw(first.descending ? '<=' : '>=')} ${values[0]}`
  return sql<SqlBool>`${bound} and (${sql.join(alternatives, sql` or `)})`
}

/** A token that holds `values`; it serves only `question`. */
export function encodeToken(values: readonly unknown[], question: unknown): string {
  // As strings: JSON has no infinities.
  return Buffer.from(JSON.stringify([fingerprintOf(question), ...values.map(String)])).toString('base64url')
}

/** The values of a token, of the given types. Throws SEARCH_INVALID for one that is malformed or of another question. */
export function decodeToken(token: string, types: readonly SortKey['type'][], question: unknown): readonly (string | number)[] {
  const malformed = (why: string) => new MillraceError('SEARCH_INVALID', `Invalid page token: ${why}`)
  let content: unknown
  try {
    content = JSON.parse(Buffer.from(token, 'base64url').toString())
  } catch (error) {
    throw new MillraceError('SEARCH_INVALID', 'Invalid page token, could not be decoded', { cause: error })
  }
  if (!Array.isArray(content) || content.length !== types.length + 1) throw malformed('it is not one of ours')
  const [from, ...values]: unknown[] = content
  if (from !== fingerprintOf(question)) throw malformed('it belongs to a search with another filter or order')
  return types.map((type, i) => {
    const value = values[i]
    if (typeof value !== 'string') throw malformed('it is not one of ours')
    if (type === 'string') return value
    if (value === '' || Number.isNaN(Number(value))) throw malformed('it is not one of ours')
    return Number(value)
  })
}

function fingerprintOf(question: unknown): string {
  return hash('sha256', JSON.stringify(question)).slice(0, 16)
}

/** `given` as the size of a page. */
export function pageSize(given: number | undefined, standard: number, maximum: number): number {
  const size = given ?? standard
  if (size < 1) throw new MillraceError('BAD_REQUEST', `Invalid value ${size} for parameter 'max_results' supplied. It must be a positive integer.`)
  if (size > maximum) throw new MillraceError('BAD_REQUEST', `Invalid value ${size} for parameter 'max_results' supplied. It must be at most ${maximum}.`)
  return size
}
