import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import type { JournalWriter } from './journal.ts'

export interface Window {
  readonly windowMs: number
  readonly windowBytes: number
}

/** Lines that wait for a disk that takes none, at most; beyond that requests are refused, as strict ones are at once. */
const MOST_WAITING = 16 * 1024 * 1024

/**
 * Takes lines and writes them within a window: at the latest `windowMs` after the first of them came (and as soon as the event loop turns after that), or when
 * they are `windowBytes`. A kill loses no more than that. What the disk does not take is tried again, and nothing of it is dropped.
 */
export class RelaxedWriter {
  readonly #sink: JournalWriter
  readonly #log: Logger
  #waiting: Buffer[] = []
  #bytes = 0
  #timer: NodeJS.Timeout | undefined
  #due = Number.POSITIVE_INFINITY
  #failing = false

  constructor(sink: JournalWriter, log: Logger) {
    this.#sink = sink
    this.#log = log
  }

  /** The sink of one deployment. Lines of all deployments are kept in the order in which they came. */
  within({ windowMs, windowBytes }: Window): JournalWriter {
    return { append: (lines) => this.#take(lines, windowMs, windowBytes), settled: () => undefined }
  }

  /** Writes what waits. Throws what the sink throws; then all of it still waits. */
  flush(): void {
    if (this.#bytes === 0) return
    this.#sink.append(this.#waiting.length === 1 ? this.#waiting[0]! : Buffer.concat(this.#waiting, this.#bytes))
    this.#waiting = []
    this.#bytes = 0
    this.#failing = false
    this.#rest()
    // With `durability: power` the disk is asked to settle, and nobody waits.
    this.#sink.settled()?.catch((error: unknown) => this.#log.warn({ reason: errorMessage(error) }, 'the journal could not be settled on disk'))
  }

  #take(lines: Buffer, windowMs: number, windowBytes: number): void {
    if (this.#bytes + lines.length > MOST_WAITING) throw new MillraceError('JOURNAL_FAILED', `${this.#bytes} bytes of predictions wait to be written to the journal, which takes none`)
    this.#waiting.push(Buffer.from(lines))
    this.#bytes += lines.length
    const now = performance.now()
    // The timer may be late where the event loop is held up: then whoever comes first writes.
    if (!this.#failing && (this.#bytes >= windowBytes || now >= this.#due)) return this.#tryFlush(windowMs)
    if (now + windowMs < this.#due) this.#wake(now, windowMs)
  }

  #wake(now: number, ms: number): void {
    clearTimeout(this.#timer)
    this.#due = now + ms
    this.#timer = setTimeout(() => this.#tryFlush(ms), ms)
    this.#timer.unref()
  }

  #rest(): void {
    clearTimeout(this.#timer)
    this.#due = Number.POSITIVE_INFINITY
  }

  #tryFlush(retryMs: number): void {
    try {
      this.flush()
    } catch (error) {
      if (!this.#failing) this.#log.error({ reason: errorMessage(error), waiting: this.#bytes }, 'answered predictions cannot be written to the journal; trying again')
      this.#failing = true
      this.#wake(performance.now(), Math.max(retryMs, RETRY_MS))
    }
  }
}

const RETRY_MS = 100
