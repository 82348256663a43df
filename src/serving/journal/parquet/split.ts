import { appendFileSync, closeSync, createReadStream, openSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { JournalRecord } from '../../../api/serving.ts'

/** The lines of one model and day (UTC, of project time), in a file of their own. */
export interface Group {
  readonly model: string
  readonly day: string
  readonly file: string
  rows: number
  lastTime: number
  /** Bytes of the longest line. */
  longest: number
}

interface Filling extends Group {
  pending: string[]
}

/** Characters that are held before they are written. */
const HELD = 4 * 1024 * 1024

/** Sorts the lines of a segment into files below `folder`, in bounded memory. */
export async function splitByDay(segment: string, folder: string): Promise<readonly Group[]> {
  const groups = new Map<string, Filling>()
  let held = 0
  const flush = (): void => {
    for (const group of groups.values()) {
      if (group.pending.length > 0) appendFileSync(group.file, group.pending.join(''))
      group.pending = []
    }
    held = 0
  }
  for await (const line of createInterface({ input: createReadStream(segment), crlfDelay: 0 })) {
    const { model, time }: JournalRecord = JSON.parse(line)
    const day = new Date(time).toISOString().slice(0, 10)
    const key = `${day} ${model}`
    let group = groups.get(key)
    if (!group) {
      const file = join(folder, `${groups.size}.ndjson`)
      closeSync(openSync(file, 'ax'))
      groups.set(key, (group = { model, day, file, rows: 0, lastTime: time, longest: 0, pending: [] }))
    }
    group.pending.push(line, '\n')
    group.rows++
    group.lastTime = Math.max(group.lastTime, time)
    group.longest = Math.max(group.longest, line.length * 3)
    held += line.length
    if (held > HELD) flush()
  }
  flush()
  return [...groups.values()].sort((a, b) => (a.model < b.model ? -1 : a.model > b.model ? 1 : a.day < b.day ? -1 : 1))
}
