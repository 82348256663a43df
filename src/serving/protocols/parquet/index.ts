import type { FileMetaData, SchemaElement } from 'hyparquet'
import { MillraceError, errorMessage } from '../../../platform/errors/index.ts'
import type { Row } from '../../runtime/plane.ts'
import { refuseRows } from '../bounds.ts'
import { badRequest, refuseProto } from '../shapes.ts'
import { DECOMPRESSORS } from './compression.ts'
import { type Chunk, PageCheck } from './pages.ts'
import { ThriftReader, structAt, structsAt } from './thrift.ts'

/** Fields and elements of the file's description: thousands of columns have fewer. */
const MOST_FIELDS = 2 ** 17
const DEEPEST = 32
/** hyparquet looks for each column among all of them, and does so for every row group. */
const MOST_LOOKS = 2 ** 24
/** Characters of text, row by row: a dictionary can say the same long one for every row in a bit. */
const MOST_TEXT = 16 * 1024 * 1024
const NUMBER_BYTES = 8
/** Bytes of a number: those of a longer decimal would cost their square. */
const MOST_NUMBER = 64
const BYTE_ARRAY = 6
/** The last of Parquet's physical types. */
const MOST_TYPE = 7
const FOOTER = 8

/** What no model takes, in place of what it was. */
const NO_SCALAR = Object.freeze({})
const TEXT = new TextDecoder()

/**
 * The rows of a Parquet file, and what they are worth in bytes: its columns of single values, others are left out. BODY_TOO_LARGE for more than `maxRows`; BAD_REQUEST for what cannot be read, or
 * would take much more memory than its bytes are worth. hyparquet trusts what a file says of itself, so it gets none that was not checked.
 */
export async function readParquet(bytes: Buffer, maxRows: number): Promise<{ readonly rows: readonly Row[]; readonly bytes: number }> {
  const { parquetMetadata, parquetReadObjects } = await import('hyparquet')
  const file = new Uint8Array(bytes)
  try {
    checkFooter(file)
    const metadata = parquetMetadata(file, { geoparquet: false })
    const columns = checkTable(metadata, maxRows)
    const pages = new PageCheck(file)
    for (const chunk of chunksOf(metadata, columns)) pages.check(chunk)
    const rows = await parquetReadObjects({
      file: file.buffer,
      metadata,
      columns: [...columns.keys()],
      compressors: DECOMPRESSORS,
      parsers: { jsonFromBytes: (json: Uint8Array | undefined) => json && TEXT.decode(json), geometryFromBytes: () => NO_SCALAR, geographyFromBytes: () => NO_SCALAR },
    })
    return { rows, bytes: NUMBER_BYTES * rows.length * columns.size + makePlain(rows) }
  } catch (error) {
    if (error instanceof MillraceError) throw error
    throw badRequest(`the body is no Parquet that can be read: ${errorMessage(error)}`)
  }
}

/** The description's form, before anyone reads what it says. */
function checkFooter(file: Uint8Array): void {
  const view = new DataView(file.buffer)
  if (file.length < FOOTER) throw badRequest('the body is no Parquet that can be read: it is too short')
  const length = view.getUint32(file.length - FOOTER, true)
  if (length > file.length - FOOTER) throw badRequest(`the body is no Parquet that can be read: its description has ${length} bytes, and it ${file.length}`)
  const footer = new ThriftReader(file, file.length - FOOTER - length, MOST_FIELDS).struct()
  const leaves = structsAt(footer, 2).filter(({ 1: type }) => typeof type === 'number' && type >= 0 && type <= MOST_TYPE)
  for (const group of structsAt(footer, 4)) {
    for (const [i, column] of structsAt(group, 1).entries()) {
      if (leaves[i]?.[1] === BYTE_ARRAY) continue
      for (const value of Object.values(structAt(structAt(column, 3), 12))) {
        if (value instanceof Uint8Array && value.length > MOST_NUMBER) throw badRequest(`the Parquet's statistics hold a number of ${value.length} bytes, expected ${MOST_NUMBER} at most`)
      }
    }
  }
}

/** The columns that are read, by name. */
function checkTable({ schema, row_groups: groups }: FileMetaData, maxRows: number): ReadonlyMap<string, SchemaElement> {
  const chunks = groups.reduce((sum, { columns }) => sum + columns.length + 1, 0)
  if (chunks * schema.length > MOST_LOOKS) throw badRequest(`the Parquet has ${groups.length} row groups of ${schema.length} columns: write fewer row groups`)
  refuseRows(
    groups.reduce((rows, group) => rows + Math.max(0, Number(group.num_rows)), 0),
    maxRows,
  )
  const columns = flatColumns(schema)
  for (const { name, type, converted_type: converted, type_length: length = 0 } of columns.values()) {
    if (converted === 'DECIMAL' && (type === 'BYTE_ARRAY' || length > MOST_NUMBER)) throw badRequest(`column ${name} of the Parquet holds decimals of any length, expected ${MOST_NUMBER} bytes each at most`)
  }
  refuseProto([...columns.keys()])
  return columns
}

/** Those of single values, at the top. A name that stands there twice would be another column for hyparquet than for us. */
function flatColumns([root, ...elements]: readonly SchemaElement[]): ReadonlyMap<string, SchemaElement> {
  if (root?.repetition_type === 'REPEATED') throw badRequest('the Parquet has a table of tables, expected one of rows')
  const columns = new Map<string, SchemaElement>()
  const names = new Set<string>()
  const open: number[] = [root?.num_children ?? 0]
  for (const element of elements) {
    while (open.length > 1 && open.at(-1) === 0) open.pop()
    const atTop = open.length === 1
    open.push((open.pop() ?? 0) - 1)
    const { name, repetition_type: repetition, num_children: children = 0 } = element
    if (children > 0 && open.push(children) > DEEPEST) throw badRequest(`the Parquet's columns are nested more than ${DEEPEST} levels deep`)
    if (!atTop) continue
    if (names.has(name)) throw badRequest(`the Parquet has two columns called ${name}`)
    names.add(name)
    if (children <= 0 && repetition !== 'REPEATED') columns.set(name, element)
  }
  return columns
}

function* chunksOf({ row_groups: groups }: FileMetaData, columns: ReadonlyMap<string, SchemaElement>): Iterable<Chunk> {
  for (const group of groups) {
    const rows = Number(group.num_rows)
    if (rows <= 0) continue
    for (const { meta_data: meta } of group.columns) {
      const [name = '', ...below] = meta?.path_in_schema ?? []
      const element = columns.get(name)
      if (!meta || !element) continue
      if (below.length > 0 || meta.type !== element.type) throw badRequest(`column ${name} of the Parquet is described in two ways`)
      const from = Number(meta.dictionary_page_offset || meta.data_page_offset)
      yield { name, from, to: from + Number(meta.total_compressed_size), rows, codec: meta.codec, type: meta.type, nullable: element.repetition_type !== 'REQUIRED' }
    }
  }
}

/** In place. How many characters of text there are. */
function makePlain(rows: readonly Record<string, unknown>[]): number {
  let text = 0
  for (const row of rows) {
    for (const name in row) {
      const value = plain(row[name])
      row[name] = value
      if (typeof value === 'string') text += value.length
    }
    if (text > MOST_TEXT) throw badRequest(`the Parquet holds more than ${MOST_TEXT} characters of text; send fewer rows at a time`)
  }
  return text
}

/** A value of Parquet as JSON would hold it: pandas writes a missing number as NaN. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? String(value) : value.toISOString()
  if (typeof value === 'object' && value !== null) return NO_SCALAR
  return value === undefined || Number.isNaN(value) ? null : value
}
