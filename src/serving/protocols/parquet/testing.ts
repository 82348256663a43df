/** Writes Parquet by hand, so that it can say of itself what no writer would. */

type Field = readonly [id: number, type: number, bytes: Buffer]

const [I32, I64, BINARY, LIST, STRUCT] = [5, 6, 8, 9, 12]
const PAGE = { data: 0, dictionary: 2 } as const
export const ENCODING = { plain: 0, rle: 3, dictionary: 8 } as const
export const CODEC = { none: 0, snappy: 1, gzip: 2, zstd: 6 } as const
export const TYPE = { double: 5, text: 6 } as const

export function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return Buffer.from([...bytes, rest])
}

function struct(fields: readonly Field[]): Buffer {
  let last = 0
  const parts = fields.map(([id, type, bytes]) => {
    const head = Buffer.from([((id - last) << 4) | type])
    last = id
    return Buffer.concat([head, bytes])
  })
  return Buffer.concat([...parts, Buffer.from([0])])
}

const i32 = (id: number, value: number): Field => [id, I32, varint(2 * value)]
const i64 = (id: number, value: number): Field => [id, I64, varint(2 * value)]
const text = (id: number, value: string): Field => [id, BINARY, Buffer.concat([varint(Buffer.byteLength(value)), Buffer.from(value)])]
const nested = (id: number, fields: readonly Field[]): Field => [id, STRUCT, struct(fields)]
const list = (id: number, type: number, items: readonly Buffer[]): Field => [id, LIST, Buffer.concat([Buffer.from([0xf0 | type]), varint(items.length), ...items])]

export interface PageOptions {
  readonly values: number
  readonly encoding: number
  /** As it stands in the file. */
  readonly bytes: Buffer
  /** Once it is decompressed; by default what it has. */
  readonly size?: number
}

export function dataPage({ values, encoding, bytes, size = bytes.length }: PageOptions): Buffer {
  return Buffer.concat([struct([i32(1, PAGE.data), i32(2, size), i32(3, bytes.length), nested(5, [i32(1, values), i32(2, encoding), i32(3, ENCODING.rle), i32(4, ENCODING.rle)])]), bytes])
}

export function dictionaryPage({ values, bytes, size = bytes.length }: Omit<PageOptions, 'encoding'>): Buffer {
  return Buffer.concat([struct([i32(1, PAGE.dictionary), i32(2, size), i32(3, bytes.length), nested(7, [i32(1, values), i32(2, ENCODING.plain)])]), bytes])
}

/** Values of a dictionary, one bit each: a run of the first of them. */
export function run(count: number): Buffer {
  return Buffer.concat([Buffer.from([1]), varint(2 * count), Buffer.from([0])])
}

export interface FileOptions {
  /** The pages of each column; all row groups have the same. */
  readonly columns: readonly { readonly name: string; readonly type: number; readonly pages: Buffer; readonly dictionary?: boolean }[]
  readonly rows: number
  readonly groups?: number
  readonly codec?: number
}

export function parquetOf({ columns, rows, groups = 1, codec = CODEC.none }: FileOptions): Buffer {
  let at = 4
  const chunks = columns.map(({ name, type, pages, dictionary }) => {
    const from = at
    at += pages.length
    const meta = [i32(1, type), list(2, I32, [varint(0)]), list(3, BINARY, [text(1, name)[2]]), i32(4, codec), i64(5, rows), i64(6, pages.length), i64(7, pages.length), i64(9, from)]
    return struct([i64(2, from), nested(3, dictionary ? [...meta, i64(11, from)] : meta)])
  })
  const group = struct([list(1, STRUCT, chunks), i64(2, at), i64(3, rows)])
  const schema = [struct([text(4, 'schema'), i32(5, columns.length)]), ...columns.map(({ name, type }) => struct([i32(1, type), i32(3, 0), text(4, name)]))]
  return fileOf(Buffer.concat(columns.map(({ pages }) => pages)), struct([i32(1, 1), list(2, STRUCT, schema), i64(3, rows * groups), list(4, STRUCT, Array.from({ length: groups }, () => group))]))
}

/** Any pages with any description behind them. */
export function fileOf(pages: Buffer, footer: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(footer.length)
  return Buffer.concat([Buffer.from('PAR1'), pages, footer, length, Buffer.from('PAR1')])
}
