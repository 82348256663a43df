import type { Check, SampleRow, Table } from '../../domain/contract/index.ts'
import { type Row, identifier } from '../../platform/duckdb/index.ts'
import type { Engine } from './engine.ts'
import { POSITIONED, type ColumnState, type Layout } from './layout.ts'
import { repeatedKeys } from './measure.ts'
import { breachOf } from './predicates.ts'

const SAMPLE_ROWS = 5
const WITHHELD = '(withheld)'

/** The first rows, in the order of the files, that break the rule. Values of sensitive columns are withheld. */
export async function sample(engine: Engine, check: Check, layout: Layout, table: Table): Promise<readonly SampleRow[]> {
  const { measure } = check
  const states = new Map(layout.columns.map((state) => [state.column.name, state]))
  const withheld = new Set(table.columns.filter((column) => column.sensitive).map((column) => column.name))
  if (measure.kind === 'duplicateValues') return (await engine.rows(repeats(measure.columns))).map((row) => cleaned(row, withheld))
  const breach = breachOf(measure, states)
  if (breach === undefined) return []
  const columns = measure.kind === 'failedRows' ? present(table, states) : [...new Set([...keyOf(table, states), ...('column' in measure ? [measure.column] : [])])]
  const raws = columns.flatMap((column) => states.get(column)?.raw ?? [])
  const rows = await engine.rows(
    `SELECT __file AS file, __row AS row${[...columns, ...raws].map((column) => `, ${identifier(column)}`).join('')} FROM ${POSITIONED} WHERE ${breach} LIMIT ${SAMPLE_ROWS}`,
  )
  return rows.map((row) => cleaned(asWritten(row, columns, states), withheld))
}

/** Text that is no value of its column's type is shown as it stands in the file. */
function asWritten(row: Row, columns: readonly string[], states: ReadonlyMap<string, ColumnState>): Row {
  const shown = columns.map((column) => {
    const { raw } = states.get(column) ?? {}
    return [column, row[column] ?? (raw === undefined ? null : row[raw])]
  })
  return { file: row['file'], row: row['row'], ...Object.fromEntries(shown) }
}

/** Keys that occur more than once, the most frequent first, each with where its first rows stand. */
function repeats(columns: readonly string[]): string {
  const keys = columns.map(identifier).join(', ')
  return `WITH repeated AS (SELECT * FROM ${repeatedKeys(columns)} ORDER BY __n DESC, ${keys} LIMIT ${SAMPLE_ROWS})
    SELECT ${keys}, any_value(__n) AS occurrences, list(__file || ':' || __row ORDER BY __file, __row)[1:${SAMPLE_ROWS}] AS rows
    FROM ${POSITIONED} JOIN repeated USING (${keys}) GROUP BY ${keys} ORDER BY occurrences DESC, ${keys}`
}

function present(table: Table, states: ReadonlyMap<string, ColumnState>): readonly string[] {
  return table.columns.map((column) => column.name).filter((name) => states.get(name)?.type !== undefined)
}

function keyOf(table: Table, states: ReadonlyMap<string, ColumnState>): readonly string[] {
  const key = new Set(table.columns.filter((column) => column.partOfKey).map((column) => column.name))
  return present(table, states).filter((name) => key.has(name))
}

function cleaned(row: Row, withheld: ReadonlySet<string>): SampleRow {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, withheld.has(name) && value !== null ? WITHHELD : value]))
}
