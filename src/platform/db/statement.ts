import type { Kysely } from 'kysely'

/** A value that a statement is given or gives. */
export type Value = string | number | null
export type ColumnType = 'text' | 'bigint' | 'double precision'
export type Given = Readonly<Record<string, ColumnType>>

/**
 * A statement of a hot path, beside Kysely: written once, prepared once a connection, run for many rows at once. Its text names the rows that it is run for as the
 * table `{given}`, once; `for update` is left out where there is but one writer. What it gives are lists of values in the order of its columns.
 */
export interface Statement<Row extends readonly Value[]> {
  readonly given: Given
  readonly text: string
  /** Never there: it carries the type. */
  readonly row?: Row
}

export function statement<Row extends readonly Value[] = never>(given: Given, text: string): Statement<Row> {
  if (text.split('{given}').length !== 2) throw new TypeError(`{given} must stand once in: ${text}`)
  return { given, text }
}

/** Inserts the given rows; `conflict` is what stands behind `on conflict`. */
export function insertStatement(table: string, given: Given, conflict?: string): Statement<never> {
  const columns = Object.keys(given).join(', ')
  return { given, text: `insert into ${table} (${columns}) {rows}${conflict === undefined ? '' : ` on conflict ${conflict}`}` }
}

/**
 * Runs `statement` for `rows`, in a transaction if `on` is one. Otherwise it may only read, and reads what is committed, without waiting for writers. The
 * results come in the order of the rows if the statement orders them so; with SQLite it runs once for each row, in PostgreSQL once for all.
 */
export type Each<S> = <Row extends readonly Value[]>(on: Kysely<S>, statement: Statement<Row>, rows: readonly (readonly Value[])[]) => Promise<readonly Row[]>
