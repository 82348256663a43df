import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { errorMessage, MillraceError } from '../../../platform/errors/index.ts'
import { insideRoot } from '../../../platform/fs/index.ts'

const schema = Type.Object({
  /** Of the segment: its offset, and how long it was when it was packed. */
  start: Type.Integer({ minimum: 0 }),
  bytes: Type.Integer({ minimum: 0 }),
  rows: Type.Integer({ minimum: 0 }),
  /** The latest moment of a line, project time in milliseconds. */
  last_time: Type.Number(),
  parts: Type.Array(Type.Object({ path: Type.String(), rows: Type.Integer(), bytes: Type.Integer() })),
})

/** One segment of the journal that stands in Parquet too: the note that is written last, so a part that no note names does not count. */
export type PackedSegment = Static<typeof schema>

const compiled = Compile(schema)
const SEGMENT = /^(\d{20})\.ndjson$/

export function parquetFolder(journal: string): string {
  return join(journal, 'parquet')
}

export function noteOf(journal: string, start: number): string {
  return join(parquetFolder(journal), 'segments', `${String(start).padStart(20, '0')}.json`)
}

/** null where the segment is not packed. DATA_UNREADABLE for a note that is none. */
export function readNote(journal: string, start: number): PackedSegment | null {
  const file = noteOf(journal, start)
  if (!existsSync(file)) return null
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (compiled.Check(value)) return value
    throw new MillraceError('DATA_UNREADABLE', `${compiled.Errors(value)[0]?.message ?? 'it is malformed'}`)
  } catch (error) {
    throw new MillraceError('DATA_UNREADABLE', `${file}: ${errorMessage(error)}`, { cause: error })
  }
}

export interface JournalFiles {
  /** Parquet files, in the order of the journal. */
  readonly parts: readonly string[]
  /** Segments of which no Parquet file has anything, oldest first. */
  readonly segments: readonly string[]
}

/**
 * Each line of the journal once: from Parquet where its segment is packed, else from the segment. A segment that is there and is not as long as when it was packed
 * (it was restored from a backup, and more was written) counts as it is, and what was packed of it does not; nor does what was packed of a segment that is not there
 * and did not stand before all that are.
 */
export function journalFiles(journal: string): JournalFiles {
  const names = existsSync(journal) ? readdirSync(journal) : []
  const segments = new Map(names.flatMap((name) => (SEGMENT.test(name) ? [[Number(name.slice(0, 20)), join(journal, name)] as const] : [])))
  const tail = Math.min(...segments.keys())
  const notes = join(parquetFolder(journal), 'segments')
  const parts: string[] = []
  for (const name of existsSync(notes) ? readdirSync(notes).sort() : []) {
    if (!/^\d{20}\.json$/.test(name)) continue
    const start = Number(name.slice(0, 20))
    const note = readNote(journal, start)
    const segment = segments.get(start)
    if (!note || (segment === undefined ? start + note.bytes > tail : statSync(segment).size !== note.bytes)) continue
    segments.delete(start)
    parts.push(...note.parts.map(({ path }) => insideRoot(parquetFolder(journal), path)))
  }
  return { parts, segments: [...segments].sort(([a], [b]) => a - b).map(([, file]) => file) }
}
