import { appendFileSync, closeSync, createReadStream, openSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
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
const HELD = 4 * 1024 * 1024
const FILE_BYTES = 3 * 1024 * 1024

/** Sorts the lines of a segment into files below `folder`, in bounded memory. */
export async function splitByDay(segment: string, folder: string): Promise<readonly Group[]> {
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
  for await (const line of createInterface({ input: createReadStream(segment), crlfDelay: 0 })) {
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
