import type { JournalRecord } from '../../api/serving.ts'
import { DAY_MS } from '../../domain/windows.ts'
import { errorMessage } from '../../platform/errors/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import type { ClosedSegment, Journal } from './journal.ts'
import { type PackedSegment, readNote } from './parquet/packed.ts'
import { packAside } from './parquet/packer.ts'

export interface KeeperOptions {
  readonly journal: Journal
  readonly folder: string
  /** Project time, milliseconds. */
  readonly now: () => number
  readonly log: Logger
  /** Segments whose every line is older than this, in milliseconds of project time, are deleted once they may be; undefined: none ever. */
  readonly retentionMs: number | undefined
  /** Everything before this offset has been counted, and will not be looked at again. */
  readonly counted: () => number
  /** Wall time. */
  readonly firstMs?: number
  readonly everyMs?: number
}

const FIRST_MS = 30_000
const EVERY_MS = 5 * 60_000

/**
 * Looks after what was written: packs closed segments into Parquet in the side, closing the one that is written once a day in it has ended; and deletes segments
 * that are old enough, packed, counted, and durably taken over by the monitor. A kill at any moment costs only the work of the segment it was at.
 */
export class Keeper {
  readonly #options: KeeperOptions
  readonly #stop = new AbortController()
  /** By offset; the length tells whether the segment is still what was packed. */
  readonly #packed = new Map<number, PackedSegment>()
  /** Segments that cannot be packed, and were told of. */
  readonly #refused = new Set<number>()
  #acknowledged: number | null = null
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: KeeperOptions) {
    this.#options = options
    this.#wait(options.firstMs ?? FIRST_MS)
  }

  /**
   * The monitor says up to which offset it has durably taken the journal over. The latest word counts, even where it takes back an earlier one (a monitor that was
   * restored from a backup); nothing is known until it speaks to this process.
   */
  acknowledge(offset: number): void {
    this.#acknowledged = offset
  }

  /** One round: packs, then deletes. */
  run(): Promise<void> {
    return (this.#running = this.#running.then(() => this.#round()))
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#stop.abort()
    await this.#running
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => {
      void this.run().then(() => {
        if (!this.#stop.signal.aborted) this.#wait(this.#options.everyMs ?? EVERY_MS)
      })
    }, ms)
    this.#timer.unref()
  }

  async #round(): Promise<void> {
    const { journal, log } = this.#options
    try {
      if (await this.#dayHasEnded()) journal.rotate()
      for (const segment of journal.closed) {
        if (this.#stop.signal.aborted) return
        await this.#pack(segment)
      }
      this.#drop()
    } catch (error) {
      if (!this.#stop.signal.aborted) log.warn({ reason: errorMessage(error) }, 'looking after the journal failed; trying again later')
    }
  }

  /** Whether the oldest line of the segment that is written is of a day before today's. */
  async #dayHasEnded(): Promise<boolean> {
    const { journal, now } = this.#options
    const start = journal.closed.at(-1)?.end ?? journal.tail
    if (journal.head === start) return false
    const { bytes } = await journal.read(start, 1)
    const { time }: JournalRecord = JSON.parse(bytes.toString())
    return Math.floor(time / DAY_MS) < Math.floor(now() / DAY_MS)
  }

  async #pack(segment: ClosedSegment): Promise<void> {
    const { folder, log } = this.#options
    const { start, end } = segment
    if (this.#refused.has(start) || this.#isPacked(segment)) return
    try {
      const begun = performance.now()
      const note = await packAside(folder, start, this.#stop.signal)
      this.#packed.set(start, note)
      const bytes = note.parts.reduce((sum, part) => sum + part.bytes, 0)
      log.info({ offset: start, rows: note.rows, bytes: end - start, parquet_bytes: bytes, files: note.parts.length, seconds: (performance.now() - begun) / 1000 }, 'a segment of the journal was packed into Parquet')
    } catch (error) {
      if (this.#stop.signal.aborted) return
      this.#refused.add(start)
      log.error({ offset: start, reason: errorMessage(error) }, 'a segment of the journal cannot be packed into Parquet; it stays as it is, and is tried again at the next start')
    }
  }

  #isPacked({ start, end }: ClosedSegment): boolean {
    const note = this.#packed.get(start) ?? readNote(this.#options.folder, start)
    if (note?.bytes !== end - start) return false
    this.#packed.set(start, note)
    return true
  }

  #drop(): void {
    const { journal, now, retentionMs, counted, log } = this.#options
    if (retentionMs === undefined || this.#acknowledged === null) return
    const safe = Math.min(this.#acknowledged, counted())
    let end = journal.tail
    for (const segment of journal.closed) {
      const note = this.#packed.get(segment.start)
      if (segment.end > safe || !this.#isPacked(segment) || note === undefined || note.last_time >= now() - retentionMs) break
      end = segment.end
    }
    if (end === journal.tail) return
    const from = journal.tail
    journal.drop(end)
    for (const start of this.#packed.keys()) if (start < end) this.#packed.delete(start)
    log.info({ from, to: end }, 'old segments of the journal were deleted; they stand in Parquet')
  }
}
