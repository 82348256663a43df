import { EventEmitter, once } from 'node:events'
import { closeSync, fdatasync, fdatasyncSync, ftruncateSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { MillraceError, errorMessage, toMillraceError } from '../../platform/errors/index.ts'
import { syncFolder } from '../../platform/fs/index.ts'
import { firstLineEnd, lastLineEnd } from './format.ts'
import { type Recovery, recoverSegment } from './recover.ts'

export interface JournalOptions {
  readonly folder: string
  /** `process`: `append` returns after write(2), which survives kill -9. `power`: `settled` resolves after fdatasync(2). */
  readonly durability: 'process' | 'power'
  /** A segment that has reached this many bytes is closed and the next one begun. */
  readonly segmentBytes?: number
  /** How bytes are written, as `fs.writeSync` does; a test gives one that fails as a full disk does. */
  readonly write?: (fd: number, bytes: Buffer, from: number) => number
  /** Told of a segment whose end was torn, at `open`. */
  readonly onRecovery?: (recovery: Recovery) => void
}

export interface JournalPage {
  /** Whole lines. */
  readonly bytes: Buffer
  /** Where they begin; `after` unless that lay in a part that was deleted. */
  readonly next: number
  readonly head: number
}

export interface ClosedSegment {
  readonly start: number
  readonly end: number
  readonly file: string
}

interface Segment {
  readonly start: number
  readonly file: string
}

const DEFAULT_SEGMENT_BYTES = 64 * 1024 * 1024
const NAME = /^(\d{20})\.ndjson$/
const fdatasyncAsync = promisify(fdatasync)

/** Where predictions are written before they are answered. */
export interface JournalWriter {
  /** Appends whole lines at once; the caller may use the memory again. Throws DISK_FULL or JOURNAL_FAILED, and then none of them is in the journal. */
  append(lines: Buffer): void
  /**
   * Resolves when all that was appended so far is as durable as asked for; undefined where it already is. Rejects as `append` throws, where only then it is
   * known that lines could not be written.
   */
  settled(): Promise<void> | undefined
}

/**
 * An append-only file of lines in segments, each named by the offset of its first byte. One process writes it. An offset is the number of bytes
 * ever appended before a line; it never changes. A batch that could not be written whole leaves nothing behind.
 */
export class Journal implements JournalWriter {
  readonly #options: JournalOptions
  readonly #segments: Segment[]
  readonly #bell = new EventEmitter()
  #fd: number
  #head: number
  #syncing: Promise<void> | undefined
  #nextSync: Promise<void> | undefined
  /** Set when a failed write could not be undone: the file's end is then unknown until it is scanned again. */
  #dirty = false

  private constructor(options: JournalOptions, segments: Segment[], fd: number, head: number) {
    this.#options = options
    this.#segments = segments
    this.#fd = fd
    this.#head = head
    this.#bell.setMaxListeners(0)
  }

  static open(options: JournalOptions): Journal {
    try {
      mkdirSync(options.folder, { recursive: true })
      const segments = readdirSync(options.folder)
        .filter((name) => NAME.test(name))
        .sort()
        .map((name): Segment => ({ start: Number(name.slice(0, 20)), file: join(options.folder, name) }))
      const last = segments.at(-1)
      if (!last) {
        const first = segmentAt(options.folder, 0)
        return new Journal(options, [first], openSync(first.file, 'ax'), 0)
      }
      const recovery = recoverSegment(last.file)
      if (recovery.cut > 0) options.onRecovery?.(recovery)
      return new Journal(options, segments, openSync(last.file, 'a'), last.start + recovery.length)
    } catch (error) {
      throw toMillraceError(error, `opening the journal in ${options.folder}`)
    }
  }

  /** The offset at which the next line will stand. */
  get head(): number {
    return this.#head
  }

  /** The offset of the oldest line that is kept. */
  get tail(): number {
    return this.#segments[0]?.start ?? 0
  }

  /** With one write. */
  append(lines: Buffer): void {
    try {
      if (this.#dirty) this.#undo()
      const segment = this.#current()
      if (this.#head - segment.start >= (this.#options.segmentBytes ?? DEFAULT_SEGMENT_BYTES)) this.#rotate()
      const write = this.#options.write ?? writeSync
      for (let at = 0; at < lines.length; ) at += write(this.#fd, lines, at)
    } catch (error) {
      this.#dirty = true
      this.#tryUndo()
      throw asJournalError(error)
    }
    this.#head += lines.length
    this.#bell.emit('appended')
  }

  settled(): Promise<void> | undefined {
    if (this.#options.durability === 'process') return undefined
    // A sync that is under way may have begun before the last append, so those who come now share the next one.
    if (!this.#syncing) return (this.#syncing = this.#sync())
    this.#nextSync ??= this.#syncing.then(
      () => this.#startNext(),
      () => this.#startNext(),
    )
    return this.#nextSync
  }

  /** Whole lines after offset `after`, at most `limit` bytes but at least one line if there is one. Throws BAD_REQUEST for an offset inside a line. */
  async read(after: number, limit: number): Promise<JournalPage> {
    const head = this.#head
    if (after > head) throw new MillraceError('BAD_REQUEST', `after: ${after} is beyond the head of the journal, ${head}`)
    if (after < this.tail) throw new MillraceError('BAD_REQUEST', `after: ${after} was deleted; the oldest offset kept is ${this.tail}`)
    if (after === head) return { bytes: Buffer.alloc(0), next: after, head }
    const index = this.#segments.findLastIndex((segment) => segment.start <= after)
    const segment = this.#segments[index]
    if (!segment) throw new MillraceError('INTERNAL', `the journal has no segment for offset ${after}`)
    const end = this.#segments[index + 1]?.start ?? head
    const bytes = await readLines(segment, after, Math.min(end, head), limit)
    return { bytes, next: after + bytes.length, head }
  }

  /** Resolves when the head is beyond `after`, or after `waitMs`. */
  async waitBeyond(after: number, waitMs: number, stop?: AbortSignal): Promise<void> {
    const signal = stop === undefined ? AbortSignal.timeout(waitMs) : AbortSignal.any([stop, AbortSignal.timeout(waitMs)])
    while (this.#head <= after && !signal.aborted) await once(this.#bell, 'appended', { signal }).catch(() => undefined)
  }

  /** Segments that nothing is appended to any more, oldest first. */
  get closed(): readonly ClosedSegment[] {
    return this.#segments.slice(0, -1).map(({ start, file }, i) => ({ start, file, end: this.#segments[i + 1]?.start ?? this.#head }))
  }

  /** Closes the segment that is written, so that it can be packed; not one that is empty. */
  rotate(): void {
    try {
      if (this.#dirty) this.#undo()
      if (this.#head > this.#current().start) this.#rotate()
    } catch (error) {
      throw asJournalError(error)
    }
  }

  /** Deletes the segments that end at offset `end` or before it. They cannot be read any more. */
  drop(end: number): void {
    const gone = this.closed.filter((segment) => segment.end <= end)
    for (const { file } of gone) {
      rmSync(file, { force: true })
      this.#segments.shift()
    }
    if (gone.length > 0) syncFolder(this.#options.folder)
  }

  close(): void {
    fdatasyncSync(this.#fd)
    closeSync(this.#fd)
  }

  #current(): Segment {
    const segment = this.#segments.at(-1)
    if (!segment) throw new MillraceError('INTERNAL', 'the journal has no segment')
    return segment
  }

  #rotate(): void {
    const next = segmentAt(this.#options.folder, this.#head)
    const fd = openSync(next.file, 'ax')
    if (this.#options.durability === 'power') {
      fdatasyncSync(this.#fd)
      syncFolder(this.#options.folder)
    }
    const old = this.#fd
    this.#fd = fd
    this.#segments.push(next)
    // A sync of the old file may be under way; the number must not be given to another file before it ends.
    void (this.#syncing ?? Promise.resolve()).catch(() => undefined).then(() => closeSync(old))
  }

  #undo(): void {
    ftruncateSync(this.#fd, this.#head - this.#current().start)
    this.#dirty = false
  }

  #tryUndo(): void {
    try {
      this.#undo()
    } catch {
      // Stays dirty: the next append tries again before it writes, and a start scans the end of the file in any case.
      this.#dirty = true
    }
  }

  async #sync(): Promise<void> {
    try {
      await fdatasyncAsync(this.#fd)
    } catch (error) {
      throw asJournalError(error)
    } finally {
      this.#syncing = undefined
    }
  }

  #startNext(): Promise<void> {
    this.#nextSync = undefined
    return (this.#syncing = this.#sync())
  }
}

function segmentAt(folder: string, start: number): Segment {
  return { start, file: join(folder, `${String(start).padStart(20, '0')}.ndjson`) }
}

async function readLines(segment: Segment, after: number, end: number, limit: number): Promise<Buffer> {
  const file = await open(segment.file, 'r')
  try {
    const from = after - segment.start
    if (from > 0) {
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, from - 1)
      if (buffer[0] !== 0x0a) throw new MillraceError('BAD_REQUEST', `after: ${after} is not the offset of a line`)
    }
    for (let size = Math.min(limit, end - after); ; size = Math.min(size * 2, end - after)) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(size), 0, size, from)
      const bytes = buffer.subarray(0, bytesRead)
      const whole = lastLineEnd(bytes)
      if (whole > 0) return bytes.subarray(0, size > limit ? firstLineEnd(bytes) : whole)
      if (size === end - after) throw new MillraceError('JOURNAL_FAILED', `the journal has no whole line at offset ${after}`)
    }
  } finally {
    await file.close()
  }
}

function asJournalError(error: unknown): MillraceError {
  const known = toMillraceError(error, 'writing the journal')
  if (known.code === 'DISK_FULL') return known
  return new MillraceError('JOURNAL_FAILED', `the journal cannot be written: ${errorMessage(error)}`, { cause: error })
}
