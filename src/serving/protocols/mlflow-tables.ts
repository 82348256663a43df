import type { ColumnSpec } from '../../domain/signature.ts'
import { errorMessage } from '../../platform/errors/index.ts'
import type { Row } from '../runtime/plane.ts'
import { mediaType } from './media-type.ts'
import { badRequest, refuseProto } from './shapes.ts'

const FORMATS = { 'application/json': 'json', 'text/csv': 'csv', 'application/vnd.apache.parquet': 'parquet' } as const

type Format = (typeof FORMATS)[keyof typeof FORMATS]

export const CONTENT_TYPES = Object.keys(FORMATS)

/** A body without a type is taken for JSON; undefined for a type that MLflow's scoring server does not read. */
export function tableFormat(contentType: string | undefined): Format | undefined {
  if (contentType === undefined || contentType === 'application/json') return 'json'
  const type = mediaType(contentType)
  for (const [known, format] of Object.entries(FORMATS)) if (known === type) return format
  return undefined
}

/** The rows of a table in CSV (RFC 4180, a header line, an empty field is null) or Parquet. BAD_REQUEST says what is wrong with the file. */
export async function readTable(format: 'csv' | 'parquet', bytes: Buffer, columns: readonly ColumnSpec[]): Promise<readonly Row[]> {
  if (bytes.length === 0) throw badRequest(`the body is empty, expected ${format === 'csv' ? 'CSV' : 'Parquet'}`)
  return format === 'csv' ? readCsv(bytes, columns) : readParquet(bytes)
}

async function readCsv(bytes: Buffer, columns: readonly ColumnSpec[]): Promise<readonly Row[]> {
  const { parse } = await import('csv-parse/sync')
  let records: string[][]
  try {
    records = parse(bytes, { bom: true, skip_empty_lines: true })
  } catch (error) {
    throw badRequest(`the body is no CSV: ${errorMessage(error)}`)
  }
  const [header = [], ...lines] = records
  refuseProto(header)
  const types = new Map(columns.map(({ name, type }) => [name, type]))
  const readers = header.map((name) => READERS[types.get(name) ?? 'string'])
  return lines.map((line) => Object.fromEntries(header.map((name, i) => [name, line[i] === '' || line[i] === undefined ? null : readers[i]?.(line[i])])))
}

/** What is not of the column's type stays text, which the signature refuses by row and column. */
const READERS: Readonly<Record<ColumnSpec['type'], (text: string) => unknown>> = {
  string: (text) => text,
  datetime: (text) => text,
  long: numberOr,
  double: numberOr,
  boolean: (text) => (/^true$/i.test(text) ? true : /^false$/i.test(text) ? false : text),
}

function numberOr(text: string): number | string {
  const number = Number(text)
  return text.trim() === '' || Number.isNaN(number) ? text : number
}

async function readParquet(bytes: Buffer): Promise<readonly Row[]> {
  const { parquetReadObjects } = await import('hyparquet')
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  let rows: Record<string, unknown>[]
  try {
    rows = await parquetReadObjects({ file: file instanceof ArrayBuffer ? file : new Uint8Array(bytes).buffer })
  } catch (error) {
    throw badRequest(`the body is no Parquet that can be read: ${errorMessage(error)}`)
  }
  refuseProto(Object.keys(rows[0] ?? {}))
  return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)])))
}

/** A value of Parquet as JSON would hold it: pandas writes a missing number as NaN. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Date) return value.toISOString()
  return value === undefined || Number.isNaN(value) ? null : value
}
