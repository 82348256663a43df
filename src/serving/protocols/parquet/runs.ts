import { badRequest } from '../shapes.ts'

/** Groups of eight values. */
const MOST_FILLING = 32

/**
 * Checks `count` values in Parquet's hybrid of run lengths and bit packing, each of `width` bits, between two places: no run may claim more values than are wanted,
 * since a run of two thousand million takes six bytes. Says how many of them are 1, where the width is 1.
 */
export function checkRuns(bytes: Uint8Array, from: number, to: number, width: number, count: number): number {
  if (!(from >= 0 && from <= to && to <= bytes.length && width <= 32)) throw broken()
  const valueBytes = (width + 7) >> 3
  let at = from
  let seen = 0
  let ones = 0
  while (seen < count) {
    let head = 0
    for (let shift = 0; ; shift += 7) {
      const byte = at < to ? bytes[at++] : undefined
      if (byte === undefined || shift > 28) throw broken()
      head |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    if ((head & 1) === 0) {
      const run = head >>> 1
      if (run > count - seen || at + valueBytes > to) throw broken()
      if (width === 1 && bytes[at] === 1) ones += run
      at += valueBytes
      seen += run
    } else {
      const groups = head >>> 1
      // DuckDB fills up to 256 values; what is there in bytes may be more than is wanted, but what is only said may not.
      if (width === 0 ? groups > Math.ceil((count - seen) / 8) + MOST_FILLING : groups * width > to - at + width) throw broken()
      if (width === 1) for (let i = 0; i < Math.min(groups * 8, count - seen); i++) ones += ((bytes[at + (i >> 3)] ?? 0) >> (i & 7)) & 1
      at += groups * width
      seen += groups * 8
    }
  }
  return ones
}

function broken(): Error {
  return badRequest('a page of the Parquet has runs of more values than it says that it has')
}
