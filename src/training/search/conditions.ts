import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Clause } from './grammar.ts'

export type Condition = RawBuilder<SqlBool>

const OPERATORS = { '=': '=', '!=': '<>', '>': '>', '>=': '>=', '<': '<', '<=': '<=' } as const

/** `column` compared as the clause says. NULL satisfies nothing. */
export function compare(column: RawBuilder<unknown>, clause: Clause): Condition {
  switch (clause.type) {
    case 'number': {
      // PostgreSQL takes a parameter for the type of the column, and a bigint column refuses 0.5.
      const value = Number.isSafeInteger(clause.value) ? sql`${clause.value}` : sql`cast(${clause.value} as double precision)`
      return sql<SqlBool>`${column} ${sql.raw(OPERATORS[clause.operator])} ${value}`
    }
    case 'string':
      if (clause.operator === 'LIKE') return sql<SqlBool>`${column} like ${pattern(clause.value)} escape '\\'`
      if (clause.operator === 'ILIKE') return sql<SqlBool>`lower(${column}) like lower(${pattern(clause.value)}) escape '\\'`
      return sql<SqlBool>`${column} ${sql.raw(OPERATORS[clause.operator])} ${clause.value}`
    case 'list':
      return sql<SqlBool>`${column} ${sql.raw(clause.operator === 'IN' ? 'in' : 'not in')} (${sql.join(clause.value)})`
    case 'presence':
      return sql<SqlBool>`${column} is ${sql.raw(clause.operator === 'IS NULL' ? 'null' : 'not null')}`
  }
}

/** A metric's value, where NaN is a flag beside 0: it matches only `!=`. */
export function compareMetric(alias: string, clause: Clause): Condition {
  const compared = compare(sql.ref(`${alias}.value`), clause)
  const isNan = sql.ref(`${alias}.is_nan`)
  return clause.operator === '!=' ? sql<SqlBool>`(${isNan} = 1 or ${compared})` : sql<SqlBool>`(${isNan} = 0 and ${compared})`
}

/** In LIKE only % and _ are special here: a backslash is itself, as in SQLite without ESCAPE. */
function pattern(value: string): string {
  return value.replaceAll('\\', '\\\\')
}

export interface KeyValueTable {
  readonly table: string
  /** The columns by which its rows belong to `owner`. */
  readonly columns: readonly string[]
  readonly owner: string
  readonly metric?: true
}

/**
 * A clause on tags, params or metrics kept in a table of their own. A row without the key satisfies only IS NULL. `probing`: each row is looked up by its key, for
 * queries that come upon their rows in another way; otherwise a selective comparison starts from the index by value.
 */
export function related({ table, columns, owner, metric }: KeyValueTable, clause: Clause, probing = false): Condition {
  const compared = metric ? compareMetric('x', clause) : compare(sql.ref('x.value'), clause)
  if (clause.type === 'presence') {
    return sql<SqlBool>`${sql.raw(clause.operator === 'IS NULL' ? 'not exists' : 'exists')} (${rows(table, columns, owner, clause.key)})`
  }
  const [column = '', ...others] = columns
  const selective = !probing && others.length === 0 && (clause.type === 'number' ? clause.operator !== '!=' : clause.operator === '=')
  if (!selective) return sql<SqlBool>`exists (${rows(table, columns, owner, clause.key)} and ${compared})`
  const indexed = metric ? compared : startsAs('x', clause)
  return sql<SqlBool>`${sql.ref(`${owner}.${column}`)} in (select ${sql.ref(`x.${column}`)} from ${sql.table(table)} as x where x.key = ${clause.key} and ${indexed})`
}

/** A text compared by `=`. The index holds the first 200 characters of values; of a shorter one that is all of it, and the row itself need not be read. */
export function startsAs(alias: string, clause: Clause): Condition {
  const column = sql.ref(`${alias}.value`)
  const value = clause.type === 'string' ? clause.value : ''
  if (value.length < 200) return sql<SqlBool>`substr(${column}, 1, 200) = ${value}`
  return sql<SqlBool>`substr(${column}, 1, 200) = substr(cast(${value} as text), 1, 200) and ${compare(column, clause)}`
}

function rows(table: string, columns: readonly string[], owner: string, key: string) {
  const own = columns.map((column) => sql`${sql.ref(`x.${column}`)} = ${sql.ref(`${owner}.${column}`)}`)
  return sql`select 1 from ${sql.table(table)} as x where ${sql.join(own, sql` and `)} and x.key = ${key}`
}

/** For a clause whose key the parser let through but this search cannot answer: a mistake in the grammar, not of the caller. */
export function impossible(clause: Clause): never {
  throw new TypeError(`no SQL for ${clause.entity}.${clause.key}`)
}
