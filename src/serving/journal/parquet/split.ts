import { appendFileSync, closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { JournalRecord } from '../../../api/serving.ts'
import { lineToPack } from './columns.ts'

/** The lines of one model and day (UTC, of project time), in files of their own. */
export interface Group {
  readonly model: string
  readonly day: string
  /** Each of some 3 MB: what DuckDB takes from a file at once is in memory whole. */
  readonly files: string[]
  rows: number
  bytes: number
  lastTime: number
  /** Bytes of the longest line. */
  longest: number
}

interface Filling extends Group {
  pending: string[]
  /** Bytes of the last file, with what is pending. */
  filled: number
}

/** Characters that are held before they are written. */
const HELD = 1 * 1024 * 1024
const CHUNK = 256 * 1024
const NEWLINE = 0x0a
const FILE_BYTES = 3 * 1024 * 1024

/** Sorts the lines of a segment into files below `folder`, in bounded memory. */
export function splitByDay(segment: string, folder: string): readonly Group[] {
  const groups = new Map<string, Filling>()
  let held = 0
  let count = 0
  const write = (group: Filling): void => {
    const file = group.files.at(-1)
    if (file !== undefined && group.pending.length > 0) appendFileSync(file, group.pending.join(''))
    group.pending = []
  }
  const flush = (): void => {
    for (const group of groups.values()) write(group)
    held = 0
  }
  for (const line of linesOf(segment)) {
    const record: JournalRecord = JSON.parse(line)
    const { model, time } = record
    const day = new Date(time).toISOString().slice(0, 10)
    const key = `${day} ${model}`
    let group = groups.get(key)
    if (!group) groups.set(key, (group = { model, day, files: [], rows: 0, bytes: 0, lastTime: time, longest: 0, pending: [], filled: FILE_BYTES }))
    const packed = lineToPack(line, record)
    const bytes = Buffer.byteLength(packed) + 1
    if (group.filled + bytes > FILE_BYTES) {
      write(group)
      const file = join(folder, `${count++}.ndjson`)
      closeSync(openSync(file, 'ax'))
      group.files.push(file)
      group.filled = 0
    }
    group.pending.push(packed, '\n')
    group.rows++
    group.bytes += bytes
    group.filled += bytes
    group.lastTime = Math.max(group.lastTime, time)
    group.longest = Math.max(group.longest, bytes)
    held += line.length
    if (held > HELD) flush()
  }
  flush()
  return [...groups.values()].sort((a, b) => (a.model < b.model ? -1 : a.model > b.model ? 1 : a.day < b.day ? -1 : 1))
}

/** One after the other: readline would hold a thousand of them, however long. */
function* linesOf(file: string): Generator<string, void> {
  const fd = openSync(file, 'r')
  try {
    let bytes = Buffer.allocUnsafeSlow(CHUNK)
    for (let length = 0; ; ) {
      if (length === bytes.length) bytes = Buffer.concat([bytes], length * 2)
      const read = readSync(fd, bytes, length, bytes.length - length, null)
      if (read === 0) return
      length += read
      let start = 0
      for (let end = bytes.indexOf(NEWLINE); end >= 0 && end < length; end = bytes.indexOf(NEWLINE, start)) {
        yield bytes.toString('utf8', start, end)
        start = end + 1
      }
      bytes.copyWithin(0, start, length)
      length -= start
    }
  } finally {
    closeSync(fd)
  }
}
