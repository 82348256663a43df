import { badRequest } from '../shapes.ts'
import { DECOMPRESSORS, isCompression } from './compression.ts'
import { checkRuns } from './runs.ts'
import { ThriftReader, type ThriftStruct, countAt, structAt } from './thrift.ts'

/** One column of one row group: where its pages lie, and what they hold. */
export interface Chunk {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly rows: number
  readonly codec: string
  /** Parquet's physical type. */
  readonly type: string
  readonly nullable: boolean
}

/** Of one request, all pages together: values, text as four, and bytes once they are decompressed. */
const MOST_VALUES = 2 ** 20
const TEXT_VALUES = 4
const MOST_BYTES = 32 * 1024 * 1024
const HEADER_FIELDS = 256

const DATA_PAGE = 0
const DICTIONARY_PAGE = 2
const DATA_PAGE_V2 = 3

const PLAIN = 0
const PLAIN_DICTIONARY = 2
const RLE = 3
const RLE_DICTIONARY = 8
const BYTE_STREAM_SPLIT = 9

const LENGTH_BYTES = 4

const FIXED: readonly string[] = ['BOOLEAN', 'INT32', 'INT64', 'FLOAT', 'DOUBLE']

interface Page {
  readonly values: number
  /** Those that are not null. */
  readonly present: number
  readonly encoding: number
  /** Behind the levels. */
  readonly bytes: Uint8Array
}

/**
 * Goes through all pages as hyparquet will, and refuses with BAD_REQUEST what would make it hold more than the bytes that came are worth: it makes room for what a page
 * says it has. Encodings by differences are refused as a whole, since theirs can be told only by decoding them.
 */
export class PageCheck {
  readonly #file: Uint8Array
  #values = 0
  #read = 0
  #bytes = 0

  constructor(file: Uint8Array) {
    this.#file = file
  }

  check(chunk: Chunk): void {
    const { from, to, rows, name } = chunk
    this.#read += to - from
    if (!(from >= 0 && from <= to && to <= this.#file.length) || this.#read > this.#file.length) throw badRequest(`column ${name} of the Parquet lies outside of it, or over another one`)
    const bytes = this.#file.subarray(from, to)
    let at = 0
    let seen = 0
    // To the end, as hyparquet reads it.
    while (at < bytes.length - 1) {
      const reader = new ThriftReader(bytes, at, HEADER_FIELDS)
      const header = reader.struct()
      const size = countAt(header, 3)
      at = reader.at + size
      if (at > bytes.length) throw badRequest(`a page of column ${name} ends beyond it`)
      seen += this.#page(header, bytes.subarray(reader.at, at), chunk)
    }
    if (seen !== rows) throw badRequest(`column ${name} of the Parquet has ${seen} values for ${rows} rows`)
  }

  /** How many rows it gives. */
  #page(header: ThriftStruct, bytes: Uint8Array, chunk: Chunk): number {
    const { name, type } = chunk
    const size = countAt(header, 2)
    this.#bytes += size
    if (this.#bytes > MOST_BYTES) throw badRequest(`the Parquet holds more than ${MOST_BYTES} bytes once it is decompressed; send fewer rows at a time`)
    if (header[1] === DICTIONARY_PAGE) {
      this.#count(countAt(structAt(header, 7), 1), FIXED.includes(type))
      return 0
    }
    const page = header[1] === DATA_PAGE ? pageV1(header, bytes, size, chunk) : header[1] === DATA_PAGE_V2 ? pageV2(header, bytes, size, chunk) : undefined
    if (!page) throw badRequest(`column ${name} has a page of a kind that is not read`)
    const coded = page.encoding === PLAIN_DICTIONARY || page.encoding === RLE_DICTIONARY
    this.#count(page.values, coded || FIXED.includes(type))
    checkValues(page, chunk)
    return page.values
  }

  #count(values: number, fixed: boolean): void {
    this.#values += fixed ? values : TEXT_VALUES * values
    if (this.#values > MOST_VALUES) throw badRequest(`the Parquet holds more than ${MOST_VALUES} values, of which text counts ${TEXT_VALUES} times; send fewer rows at a time`)
  }
}

function pageV1(header: ThriftStruct, compressed: Uint8Array, size: number, { codec, nullable }: Chunk): Page {
  const described = structAt(header, 5)
  const bytes = decompress(compressed, size, codec)
  const values = countAt(described, 1)
  const encoding = countAt(described, 2)
  if (!nullable) return { values, present: values, encoding, bytes }
  const end = LENGTH_BYTES + lengthAt(bytes, 0)
  const present = checkRuns(bytes, LENGTH_BYTES, end, 1, values)
  return { values, present, encoding, bytes: bytes.subarray(end) }
}

function pageV2(header: ThriftStruct, compressed: Uint8Array, size: number, { codec, nullable, name }: Chunk): Page {
  const described = structAt(header, 8)
  const values = countAt(described, 1)
  const nulls = countAt(described, 2)
  const [definition, repetition] = [countAt(described, 5), countAt(described, 6)]
  if (nulls > (nullable ? values : 0) || repetition !== 0 || definition > Math.min(size, compressed.length)) throw badRequest(`a page of column ${name} does not fit together`)
  if (nullable) checkRuns(compressed, 0, definition, 1, values)
  const rest = compressed.subarray(nullable ? definition : 0)
  const bytes = described[7] === false ? rest : decompress(rest, size - definition, codec)
  return { values, present: values - nulls, encoding: countAt(described, 4), bytes }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at, true)
}

function checkValues({ present, encoding, bytes }: Page, { name, type }: Chunk): void {
  switch (encoding) {
    case PLAIN:
      return
    case PLAIN_DICTIONARY:
    case RLE_DICTIONARY:
      if (type === 'BOOLEAN') break
      // Of no width at all: the one entry of the dictionary, with or without runs.
      if (present > 0 && (bytes[0] !== 0 || bytes.length > 1)) checkRuns(bytes, 1, bytes.length, bytes[0] ?? 0, present)
      return
    case RLE:
      if (type !== 'BOOLEAN') break
      checkRuns(bytes, LENGTH_BYTES, bytes.length, 1, present)
      return
    case BYTE_STREAM_SPLIT:
      if (!FIXED.includes(type)) break
      return
    default:
  }
  throw badRequest(`column ${name} of the Parquet is in an encoding that is not read here; expected PLAIN, a dictionary, RLE or BYTE_STREAM_SPLIT`)
}

function decompress(bytes: Uint8Array, size: number, codec: string): Uint8Array {
  const page = codec === 'UNCOMPRESSED' ? bytes : isCompression(codec) ? DECOMPRESSORS[codec](bytes, size) : undefined
  if (!page) throw badRequest(`the Parquet is compressed by ${codec}, expected one of ${Object.keys(DECOMPRESSORS).join(', ')}`)
  if (page.length !== size) throw badRequest(`a page of the Parquet has ${page.length} bytes, and says that it has ${size}`)
  return page
}
