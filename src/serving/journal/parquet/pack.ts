import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DuckDb, literal } from '../../../platform/duckdb/index.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import { insideRoot, makeFolder, syncFolder, writeFileDurable } from '../../../platform/fs/index.ts'
import { countLines } from '../recover.ts'
import { selectRecords } from './columns.ts'
import { splitByDay } from './split.ts'
import { type PackedSegment, noteOf, parquetFolder } from './packed.ts'

/** What DuckDB may take; it spills the rest. */
const LIMITS = { memory: '96MB', threads: 1 }
/** Rows and bytes that are held before they are written: all of a group would not fit. */
const ROW_GROUP = 2048
const ROW_GROUP_BYTES = 4 * 1024 * 1024
const TEMPORARY = /^packing-/

/**
 * Writes a closed segment as Parquet, a file for each model and day (UTC, of project time) that it has lines of: `model=M/date=D/part-OFFSET.parquet`. Files appear whole,
 * and count from the moment that the segment's note names them; a kill before that leaves what the next call replaces. All is on disk, also after a loss of
 * power, when this returns. DATA_UNREADABLE for a segment with a broken line, and where the files have not as many rows as the segment lines.
 */
export async function packSegment(journal: string, start: number): Promise<PackedSegment> {
  const name = String(start).padStart(20, '0')
  const segment = join(journal, `${name}.ndjson`)
  const lines = countLines(segment)
  if (lines === null) throw new MillraceError('DATA_UNREADABLE', `${segment} has a broken line, and is left as it is`)
  const folder = parquetFolder(journal)
  makeFolder(folder)
  clearTemporary(folder)
  const temporary = join(folder, `packing-${process.pid}`)
  mkdirSync(temporary)
  const duckdb = await DuckDb.open(LIMITS)
  try {
    await duckdb.run('set preserve_insertion_order = false')
    const groups = splitByDay(segment, temporary)
    const parts: PackedSegment['parts'] = []
    for (const [i, { model, day, files, rows, bytes, longest }] of groups.entries()) {
      const written = join(temporary, `${i}.parquet`)
      const rowGroup = Math.max(1, Math.min(ROW_GROUP, Math.floor((ROW_GROUP_BYTES * rows) / bytes)))
      await duckdb.run(`copy (${selectRecords(files, longest)}) to ${literal(written)} (format parquet, compression zstd, row_group_size ${rowGroup})`)
      const [found] = await duckdb.rows(`select count(*)::INTEGER as "rows" from read_parquet(${literal(written)})`)
      if (found?.['rows'] !== rows) throw new MillraceError('DATA_UNREADABLE', `${segment}: of ${rows} lines of ${day} ${String(found?.['rows'])} could be packed; it is left as it is`)
      const path = `model=${encodeURIComponent(model)}/date=${day}/part-${name}.parquet`
      publish(written, insideRoot(folder, path))
      for (const file of files) rmSync(file)
      parts.push({ path, rows, bytes: statSync(join(folder, path)).size })
    }
    const packed = parts.reduce((sum, part) => sum + part.rows, 0)
    if (packed !== lines) throw new MillraceError('DATA_UNREADABLE', `${segment} has ${lines} lines, of which ${packed} could be packed; it is left as it is`)
    const last = groups.reduce((latest, group) => Math.max(latest, group.lastTime), 0)
    const note: PackedSegment = { start, bytes: statSync(segment).size, rows: lines, last_time: last, parts }
    writeFileDurable(noteOf(journal, start), `${JSON.stringify(note)}\n`)
    return note
  } finally {
    duckdb.close()
    rmSync(temporary, { recursive: true, force: true })
  }
}

function clearTemporary(folder: string): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) if (TEMPORARY.test(name)) rmSync(join(folder, name), { recursive: true, force: true })
}

function publish(written: string, file: string): void {
  const fd = openSync(written, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  makeFolder(dirname(file))
  renameSync(written, file)
  for (const folder of [dirname(file), dirname(dirname(file)), dirname(dirname(dirname(file)))]) syncFolder(folder)
}
