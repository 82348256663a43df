import { crc32 } from 'node:zlib'

/**
 * The journal's format: UTF-8 lines of JSON, each one object whose last member is `crc`, the CRC-32 (zlib's) in 8 hex digits of all bytes of the
 * line before the comma in front of it. So a line is checked without being parsed, and any JSON reader may ignore the member.
 */
const SUFFIX_START = ',"crc":"'
const SUFFIX_BYTES = SUFFIX_START.length + 8 + '"}\n'.length
const COMMA = 0x2c
const NEWLINE = 0x0a
const HEX = [...'0123456789abcdef'].map((digit) => digit.charCodeAt(0))

/** Collects encoded lines in one buffer that is used again for the next batch. */
export class LineBuffer {
  #bytes: Buffer
  #length = 0

  constructor(capacity = 256 * 1024) {
    this.#bytes = Buffer.allocUnsafe(capacity)
  }

  get length(): number {
    return this.#length
  }

  /** Adds a record: its JSON without the closing brace. */
  add(openJson: string): void {
    const needed = openJson.length * 3 + SUFFIX_BYTES
    if (this.#length + needed > this.#bytes.length) this.#grow(this.#length + needed)
    const start = this.#length
    const end = start + this.#bytes.write(openJson, start)
    writeSuffix(this.#bytes, end, crc32(this.#bytes.subarray(start, end)))
    this.#length = end + SUFFIX_BYTES
  }

  /** The lines collected since the last `clear`; valid until the next `add`. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
  }

  #grow(needed: number): void {
    const bytes = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(bytes, 0, 0, this.#length)
    this.#bytes = bytes
  }
}

function writeSuffix(bytes: Buffer, at: number, crc: number): void {
  bytes.write(SUFFIX_START, at, 'latin1')
  let position = at + SUFFIX_START.length
  for (let shift = 28; shift >= 0; shift -= 4) bytes[position++] = HEX[(crc >>> shift) & 15] ?? 0
  bytes.write('"}\n', position, 'latin1')
}

/** Whether `line` (with its newline) is whole and what was written. */
export function isWholeLine(line: Buffer): boolean {
  const end = line.length - SUFFIX_BYTES
  if (end <= 0 || line[end] !== COMMA || line[line.length - 1] !== NEWLINE) return false
  const expected = Buffer.allocUnsafe(SUFFIX_BYTES)
  writeSuffix(expected, 0, crc32(line.subarray(0, end)))
  return expected.equals(line.subarray(end))
}

/** The offset just after the last newline, 0 if there is none. */
export function lastLineEnd(bytes: Buffer): number {
  return bytes.lastIndexOf(NEWLINE) + 1
}

/** The offset just after the first newline, 0 if there is none. */
export function firstLineEnd(bytes: Buffer): number {
  return bytes.indexOf(NEWLINE) + 1
}
