import { closeSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { isWholeLine } from './format.ts'

export interface Recovery {
  /** Bytes of whole lines: the segment's length now. */
  readonly length: number
  /** Bytes that stood behind them and were moved to `aside`; 0 when the segment ended well. */
  readonly cut: number
  /** Whether a whole line stood behind the broken one: more than a torn tail, so the disk or somebody changed the file. */
  readonly damaged: boolean
  readonly aside: string | null
}

const CHUNK = 1024 * 1024
const NEWLINE = 0x0a

/** Finds the end of the last line before the first that is broken, keeps what is behind it in a file of its own, and cuts the segment there. */
export function recoverSegment(file: string): Recovery {
  const fd = openSync(file, 'r+')
  try {
    const { length, size, damaged } = scan(fd)
    if (length === size) return { length, cut: 0, damaged: false, aside: null }
    const aside = `${file}.${length}.torn`
    copyRange(fd, length, size, aside)
    ftruncateSync(fd, length)
    fsyncSync(fd)
    return { length, cut: size - length, damaged, aside }
  } finally {
    closeSync(fd)
  }
}

/** The lines of a segment; null where one of them is broken. */
export function countLines(file: string): number | null {
  const fd = openSync(file, 'r')
  try {
    const { length, size, lines } = scan(fd)
    return length === size ? lines : null
  } finally {
    closeSync(fd)
  }
}

function scan(fd: number): { length: number; size: number; lines: number; damaged: boolean } {
  let lines = 0
  let pending: Buffer = Buffer.alloc(0)
  let size = 0
  let length = 0
  let broken = false
  let damaged = false
  const chunk = Buffer.allocUnsafe(CHUNK)
  for (;;) {
    const read = readSync(fd, chunk, 0, CHUNK, size)
    if (read === 0) return { length, size, lines, damaged }
    size += read
    const bytes = Buffer.concat([pending, chunk.subarray(0, read)])
    let start = 0
    for (let end = bytes.indexOf(NEWLINE) + 1; end > 0; end = bytes.indexOf(NEWLINE, end) + 1) {
      const whole = isWholeLine(bytes.subarray(start, end))
      if (!whole) broken = true
      else if (broken) damaged = true
      else {
        length += end - start
        lines++
      }
      start = end
    }
    pending = bytes.subarray(start)
  }
}

function copyRange(from: number, start: number, end: number, file: string): void {
  const to = openSync(file, 'w')
  try {
    const chunk = Buffer.allocUnsafe(CHUNK)
    for (let at = start; at < end; ) {
      const read = readSync(from, chunk, 0, Math.min(CHUNK, end - at), at)
      for (let written = 0; written < read; ) written += writeSync(to, chunk, written, read - written)
      at += read
    }
  } finally {
    closeSync(to)
  }
}
