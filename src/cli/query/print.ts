import type { DuckDBValue } from '@duckdb/node-api'
import type { QueryColumn, QueryResult } from './engine.ts'
import { type Plain, plain } from './values.ts'

const WIDEST = 60
const NUMERIC = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*)$/

/** One JSON list of objects, a row a line, row by row. */
export async function* jsonText({ columns, rows }: QueryResult, limit: number): AsyncGenerator<string, void> {
  let before = '['
  for await (const row of first(rows, limit)) {
    yield `${before}\n${JSON.stringify(Object.fromEntries(columns.map(({ name, type }, i) => [name, jsonOf(row[i] ?? null, type)])))}`
    before = ','
  }
  yield before === '[' ? '[]\n' : '\n]\n'
}

/** A value that is JSON already stands there as such, not as text. */
function jsonOf(value: DuckDBValue, type: string): unknown {
  return type === 'JSON' && typeof value === 'string' ? JSON.parse(value) : plain(value)
}

/** RFC 4180, with a line of names. What is missing is an empty field, an empty text is quoted. */
export async function* csvText({ columns, rows }: QueryResult, limit: number): AsyncGenerator<string, void> {
  yield `${columns.map(({ name }) => csvField(name)).join(',')}\r\n`
  for await (const row of first(rows, limit)) yield `${row.map((value) => csvField(plain(value))).join(',')}\r\n`
}

function csvField(value: Plain): string {
  if (value === null) return ''
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Columns of equal width, numbers to the right, and a line that counts. At most `limit` rows are kept in memory. */
export async function* tableText({ columns, rows }: QueryResult, limit: number, seconds: () => number): AsyncGenerator<string, void> {
  const lines: string[][] = []
  let more = false
  for await (const row of first(rows, limit + 1)) {
    if (lines.length === limit) more = true
    else lines.push(row.map(cell))
  }
  const names = columns.map(({ name }) => printable(name))
  const widths = names.map((name, i) => lines.reduce((width, line) => Math.max(width, line[i]?.length ?? 0), name.length))
  const draw = (cells: readonly string[]): string => `${cells.map((text, i) => align(text, widths[i] ?? 0, columns[i])).join('  ').trimEnd()}\n`
  yield draw(names)
  yield draw(widths.map((width) => '─'.repeat(width)))
  for (const line of lines) yield draw(line)
  const count = `${lines.length} ${lines.length === 1 ? 'row' : 'rows'}`
  yield `${more ? `the first ${count}; --limit shows more;` : count} in ${seconds().toFixed(2)} s\n`
}

function align(text: string, width: number, column: QueryColumn | undefined): string {
  return column !== undefined && NUMERIC.test(column.type) ? text.padStart(width) : text.padEnd(width)
}

function cell(value: DuckDBValue): string {
  const shown = plain(value)
  if (shown === null) return '–'
  if (typeof shown === 'number') return Number.isInteger(shown) ? String(shown) : String(Number(shown.toPrecision(6)))
  const text = printable(typeof shown === 'object' ? JSON.stringify(shown) : String(shown))
  return text.length > WIDEST ? `${text.slice(0, WIDEST - 1)}…` : text
}

/** Texts come from callers of the model: none of them may steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, (sign) => `\\u${(sign.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)
}

async function* first<T>(rows: AsyncIterable<T>, limit: number): AsyncGenerator<T, void> {
  let count = 0
  if (limit === 0) return
  for await (const row of rows) {
    yield row
    if (++count === limit) return
  }
}
