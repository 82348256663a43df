import { badRequest } from '../shapes.ts'

/** A value of Thrift's compact protocol, as far as Parquet uses it; structs by the numbers of their fields. */
export type Thrift = number | boolean | Uint8Array | readonly Thrift[] | ThriftStruct
export interface ThriftStruct {
  readonly [field: number]: Thrift | undefined
}

const STOP = 0
const TRUE = 1
const FALSE = 2
const BYTE = 3
const I16 = 4
const I32 = 5
const I64 = 6
const DOUBLE = 7
const BINARY = 8
const LIST = 9
const STRUCT = 12

const DEEPEST = 32
const LONGEST_NUMBER = 10

/**
 * Reads one struct within bounds: no list is longer than the bytes that are left, no number longer than a number is, and of fields and elements there are `most`
 * at most. What has passed here, hyparquet's own reader of the same bytes does not trip over: that one makes room for as long a list as is claimed.
 */
export class ThriftReader {
  readonly #bytes: Uint8Array
  #left: number
  at: number

  constructor(bytes: Uint8Array, at: number, most: number) {
    this.#bytes = bytes
    this.at = at
    this.#left = most
  }

  struct(depth = 0): ThriftStruct {
    if (depth > DEEPEST) throw broken('structs within structs')
    const fields: Record<number, Thrift> = {}
    let id = 0
    for (;;) {
      const head = this.#byte()
      const type = head & 0x0f
      if (type === STOP) return fields
      this.#spend(1)
      const delta = head >> 4
      id = delta === 0 ? this.#zigzag() : id + delta
      fields[id] = this.#value(type, depth)
    }
  }

  #value(type: number, depth: number): Thrift {
    switch (type) {
      case TRUE:
      case FALSE:
        return type === TRUE
      case BYTE:
        return this.#byte()
      case I16:
      case I32:
        return this.#zigzag()
      case I64:
        // Never looked at here: offsets are taken from what hyparquet read.
        return this.#varint()
      case DOUBLE:
        this.#skip(8)
        return 0
      case BINARY: {
        const length = this.#varint()
        this.#skip(length)
        return this.#bytes.subarray(this.at - length, this.at)
      }
      case LIST:
        return this.#list(depth)
      case STRUCT:
        return this.struct(depth + 1)
      default:
        throw broken(`a value of type ${type}`)
    }
  }

  #list(depth: number): readonly Thrift[] {
    if (depth > DEEPEST) throw broken('lists within lists')
    const head = this.#byte()
    const size = head >> 4 === 15 ? this.#varint() : head >> 4
    if (!(size >= 0 && size <= this.#bytes.length - this.at)) throw broken(`a list of ${size}`)
    this.#spend(size)
    const type = head & 0x0f
    const values: Thrift[] = []
    for (let i = 0; i < size; i++) values.push(this.#value(type === TRUE || type === FALSE ? BYTE : type, depth + 1))
    return values
  }

  #spend(nodes: number): void {
    this.#left -= nodes
    if (this.#left < 0) throw broken('more fields than any table needs')
  }

  #byte(): number {
    const byte = this.#bytes[this.at++]
    if (byte === undefined) throw broken('no end')
    return byte
  }

  #skip(length: number): void {
    if (!(length >= 0 && length <= this.#bytes.length - this.at)) throw broken(`a value of ${length} bytes`)
    this.at += length
  }

  /** In 32 bits, as hyparquet reads it. */
  #varint(): number {
    let result = 0
    for (let i = 0; i < LONGEST_NUMBER; i++) {
      const byte = this.#byte()
      result |= (byte & 0x7f) << (7 * i)
      if (byte < 0x80) return result
    }
    throw broken('a number without end')
  }

  #zigzag(): number {
    const number = this.#varint()
    return (number >>> 1) ^ -(number & 1)
  }
}

function broken(what: string): Error {
  return badRequest(`the Parquet's own description has ${what}`)
}

/** Empty where there is none. */
export function structAt(holder: ThriftStruct, field: number): ThriftStruct {
  const value = holder[field]
  return isStruct(value) ? value : {}
}

export function structsAt(holder: ThriftStruct, field: number): readonly ThriftStruct[] {
  const value = holder[field]
  return Array.isArray(value) ? value.filter(isStruct) : []
}

function isStruct(value: Thrift | undefined): value is ThriftStruct {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array)
}

/** A count or a size: 0 where it is not given. */
export function countAt(holder: ThriftStruct, field: number): number {
  const value = holder[field] ?? 0
  if (typeof value === 'number' && value >= 0) return value
  throw broken(`${String(value)} for a size`)
}
