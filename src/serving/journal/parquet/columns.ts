import { literal } from '../../../platform/duckdb/index.ts'

/** The members of a journal record and how they stand in Parquet. What is JSON there is the text of the line's member, so that nothing of it changes. */
const COLUMNS: readonly (readonly [name: string, type: 'VARCHAR' | 'INTEGER' | 'BIGINT' | 'DOUBLE' | 'BOOLEAN' | 'VARCHAR[]' | 'JSON'])[] = [
  ['id', 'VARCHAR'],
  ['row', 'INTEGER'],
  ['model', 'VARCHAR'],
  ['version', 'VARCHAR'],
  ['alias', 'VARCHAR'],
  ['role', 'VARCHAR'],
  ['time', 'BIGINT'],
  ['score', 'DOUBLE'],
  ['missing', 'VARCHAR[]'],
  ['inputs', 'JSON'],
  ['left_out', 'INTEGER'],
  ['features', 'JSON'],
  ['masked', 'VARCHAR[]'],
  ['tensors', 'JSON'],
  ['caller', 'VARCHAR'],
  ['sample', 'DOUBLE'],
  ['probe', 'BOOLEAN'],
  ['more', 'JSON'],
]
const OWN: ReadonlySet<string> = new Set([...COLUMNS.map(([name]) => name).filter((name) => name !== 'more'), 'crc'])

/** The line as it is packed: members that have no column of their own stand together in `more`. */
export function lineToPack(line: string, record: object): string {
  const members = Object.entries(record)
  const more = members.filter(([name]) => !OWN.has(name))
  if (more.length === 0) return line
  return JSON.stringify({ ...Object.fromEntries(members.filter(([name]) => OWN.has(name))), more: Object.fromEntries(more) })
}

/**
 * Selects the columns from files of lines. Each line is parsed once: functions on JSON would hold what they parsed of 2048 lines, each of them. `longest`: bytes of
 * the longest line.
 */
export function selectRecords(files: readonly string[], longest: number): string {
  const selected = COLUMNS.map(([name, type]) => (type === 'JSON' ? `"${name}"::VARCHAR as "${name}"` : `"${name}"`)).join(', ')
  const types = COLUMNS.map(([name, type]) => `"${name}": ${literal(type)}`).join(', ')
  return `select ${selected} from read_json([${files.map(literal).join(', ')}], format = 'newline_delimited', maximum_object_size = ${Math.max(SMALLEST_BUFFER, longest)}, columns = {${types}})`
}

/** Bytes; DuckDB keeps some buffers of twice the longest line. */
const SMALLEST_BUFFER = 1024 * 1024
