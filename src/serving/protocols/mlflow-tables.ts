import { setImmediate as aTurn } from 'node:timers/promises'
import { type ColumnSpec, someOf } from '../../domain/signature.ts'
import { errorMessage } from '../../platform/errors/index.ts'
import { overloaded } from '../limits/admission.ts'
import { type Recipient, unwanted } from '../limits/recipient.ts'
import type { Row } from '../runtime/plane.ts'
import { mediaType } from './media-type.ts'
import { CellCount, refuseRows } from './bounds.ts'
import { badRequest, refuseProto } from './shapes.ts'

const FORMATS = { 'application/json': 'json', 'text/csv': 'csv', 'application/vnd.apache.parquet': 'parquet' } as const

type Format = (typeof FORMATS)[keyof typeof FORMATS]

/** What is to be known of a model before a table is read. */
export interface TableShape {
  readonly columns: readonly ColumnSpec[]
  readonly maxRows: number
  /** Absent: somebody waits for it as long as it takes. */
  readonly recipient?: Recipient | undefined
}

/** Its rows, and what they are worth in bytes where the file's own tell nothing. */
export interface Table {
  readonly rows: readonly Row[]
  readonly bytes?: number
}

export const CONTENT_TYPES = Object.keys(FORMATS)

/** A body without a type is taken for JSON; undefined for a type that MLflow's scoring server does not read. */
export function tableFormat(contentType: string | undefined): Format | undefined {
  if (contentType === undefined || contentType === 'application/json') return 'json'
  const type = mediaType(contentType)
  for (const [known, format] of Object.entries(FORMATS)) if (known === type) return format
  return undefined
}

/** The rows of a table in CSV (RFC 4180, a header line, an empty field is null) or Parquet. BAD_REQUEST says what is wrong with the file. */
export async function readTable(format: 'csv' | 'parquet', bytes: Buffer, model: TableShape): Promise<Table> {
  if (bytes.length === 0) throw badRequest(`the body is empty, expected ${format === 'csv' ? 'CSV' : 'Parquet'}`)
  if (format === 'csv') return { rows: await (bytes.length > LARGE_CSV ? oneByOne(() => readCsv(bytes, model)) : readCsv(bytes, model)) }
  const { readParquet } = await import('./parquet/index.ts')
  return readParquet(bytes, model.maxRows)
}

const LARGE_CSV = 64 * 1024
const MOST_WAITING = 16
let waiting = 0
let last: Promise<void> = Promise.resolve()

/** Rows take many times the bytes of a file: of large ones there are those of one at a time, beside those that wait for a model. */
async function oneByOne<T>(read: () => Promise<T>): Promise<T> {
  if (waiting >= MOST_WAITING) throw overloaded(`${waiting} large files of CSV are waiting to be read; try again`)
  waiting++
  const done = last.then(read)
  // Not with its rows, which would stay until the next one.
  last = done.then(
    () => undefined,
    () => undefined,
  )
  try {
    return await done
  } finally {
    waiting--
  }
}

async function readCsv(bytes: Buffer, { columns, maxRows, recipient }: TableShape): Promise<readonly Row[]> {
  refuseFields(bytes)
  // The header, and one row more than may come: the rest is not looked at.
  const [header = [], ...lines] = await readLines(bytes, maxRows + 2, recipient)
  refuseRows(lines.length, maxRows)
  refuseProto(header)
  if (lines.length === 0) refuseNoHeader(header, columns)
  const types = new Map(columns.map(({ name, type }) => [name, type]))
  const readers = header.map((name) => READERS[types.get(name) ?? 'string'])
  const rows: Row[] = []
  let cells = 0
  for (const line of lines) {
    const row: Record<string, unknown> = {}
    for (let i = 0; i < header.length; i++) {
      const field = line[i] ?? ''
      row[header[i]!] = field === '' ? null : readers[i]?.(field)
    }
    rows.push(row)
    cells += header.length
    if (cells < CELLS_AT_ONCE) continue
    cells = 0
    await aTurn()
  }
  return rows
}

/** A line of data that has no header before it is taken for the header, and would be answered with no predictions. */
function refuseNoHeader(header: readonly string[], columns: readonly ColumnSpec[]): void {
  const named = new Set(header)
  const missing = columns.filter(({ name, required }) => required && !named.has(name)).map(({ name }) => name)
  if (missing.length === 0) return
  throw badRequest(`the CSV has one line, and that lacks ${someOf(missing)}: its first line must be the header, the names of the columns; found ${someOf(header) || 'nothing'}`)
}

/** Of a piece so small that other requests hardly notice, however many fields it has; then it is their turn. */
const BYTES_AT_ONCE = 4096
const CELLS_AT_ONCE = 4096

/** `to` lines at most. BAD_REQUEST for what is no CSV; TIMEOUT or CANCELLED where nobody waits for it any more. */
async function readLines(bytes: Buffer, to: number, recipient: Recipient | undefined): Promise<readonly (readonly string[])[]> {
  const { parse } = await import('csv-parse')
  const parser = parse({ bom: true, skip_empty_lines: true, to })
  const lines: string[][] = []
  const ended = new Promise<void>((resolve, reject) => {
    parser.on('data', (line: string[]) => lines.push(line)).on('end', resolve).on('error', reject)
  })
  // It may fail while pieces of it are still to come.
  ended.catch(() => undefined)
  for (let at = 0; at < bytes.length && !parser.writableEnded && !parser.destroyed; at += BYTES_AT_ONCE) {
    const reason = recipient && unwanted(recipient, performance.now())
    if (reason) throw reason
    parser.write(bytes.subarray(at, at + BYTES_AT_ONCE))
    await aTurn()
  }
  if (!parser.writableEnded) parser.end()
  try {
    await ended
  } catch (error) {
    throw badRequest(`the body is no CSV: ${errorMessage(error)}`)
  }
  return lines
}

/** By the separators alone, since a field costs the parser half a microsecond, and may be empty. */
function refuseFields(bytes: Buffer): void {
  let fields = 1
  let header = 0
  let headed = 0
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (byte === COMMA) fields++
    else if (byte === LINE_FEED || byte === CARRIAGE_RETURN) {
      if (header === 0) header = fields
      headed ||= i
      if (byte === LINE_FEED) fields++
    }
  }
  const cells = new CellCount()
  cells.add(0, header || fields, 'the first line of the CSV')
  cells.add(fields, 1, 'the CSV')
  if ((headed || bytes.length) > LONGEST_HEADER) throw badRequest(`the first line of the CSV has more than ${LONGEST_HEADER} bytes, expected the names of columns`)
}

/** Until it has seen the end of a line the parser takes ten times as long for each byte. */
const LONGEST_HEADER = 256 * 1024
const COMMA = 0x2c
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

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
