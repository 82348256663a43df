import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { JournalRecord } from '../../api/serving.ts'
import { errnoCode } from '../../platform/errors/index.ts'
import { giveWay } from '../runtime/give-way.ts'
import { isWholeLine } from './format.ts'

export interface RecentOptions {
  /** Records at most. */
  readonly count?: number
  /** Bytes of the journal that are looked through, from its end. */
  readonly bytes?: number
}

const SEGMENT = /^\d{20}\.ndjson$/
const NEWLINE = 0x0a
const BLOCK_BYTES = 256 * 1024
const COUNT = 32
const BYTES = 4 * 1024 * 1024

/**
 * What the model was last asked, newest first: lines of the journal that were returned to callers and hold the whole input, none of it masked. Empty where the end of
 * the journal has none. May be called in another process than the one that writes.
 */
export async function recentRecords(folder: string, model: string, { count = COUNT, bytes = BYTES }: RecentOptions = {}): Promise<readonly JournalRecord[]> {
  const found: JournalRecord[] = []
  const mark = Buffer.from(`"model":${JSON.stringify(model)},`)
  let left = bytes
  for (const segment of await segmentsOf(folder)) {
    for await (const block of linesBackwards(join(folder, segment))) {
      left -= block.length
      collect(block, mark, count, found)
      if (found.length >= count || left <= 0) return found
      await giveWay()
    }
  }
  return found
}

/** Newest first. */
async function segmentsOf(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => SEGMENT.test(name)).sort().reverse()
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return []
    throw error
  }
}

/** The file from its end in blocks of whole lines; the last line may be one that is being written. A file that is deleted meanwhile has ended. */
async function* linesBackwards(file: string): AsyncGenerator<Buffer> {
  let handle: FileHandle
  try {
    handle = await open(file)
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return
    throw error
  }
  try {
    let rest: Buffer = Buffer.alloc(0)
    for (let end = (await handle.stat()).size; end > 0; ) {
      const start = Math.max(0, end - BLOCK_BYTES)
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(end - start), 0, end - start, start)
      const bytes = Buffer.concat([buffer.subarray(0, bytesRead), rest])
      const first = start === 0 ? 0 : bytes.indexOf(NEWLINE) + 1
      rest = start > 0 && first === 0 ? bytes : bytes.subarray(0, first)
      if (rest.length < bytes.length) yield bytes.subarray(rest.length)
      end = start
    }
  } finally {
    await handle.close()
  }
}

/** Adds what is wanted of the lines, the last first. The mark is looked for in all of them at once: those of other models cost next to nothing. */
function collect(lines: Buffer, mark: Buffer, count: number, found: JournalRecord[]): void {
  for (let end = lines.length; end > 0 && found.length < count; ) {
    const at = lines.subarray(0, end).lastIndexOf(mark)
    if (at < 0) return
    const start = lines.lastIndexOf(NEWLINE, at) + 1
    const line = lines.subarray(start, lines.indexOf(NEWLINE, at) + 1)
    end = start
    if (!isWholeLine(line)) continue
    const record: JournalRecord = JSON.parse(line.toString())
    if (record.role === 'champion' && record.masked === undefined && record.left_out === undefined && (record.inputs ?? record.tensors?.inputs)) found.push(record)
  }
}
