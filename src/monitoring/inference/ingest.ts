import { setTimeout as sleep } from 'node:timers/promises'
import type { JournalRecord } from '../../api/serving.ts'
import type { Database } from '../../platform/db/index.ts'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import type { MonitorSchema } from '../tables.ts'
import { parseRecords } from './records.ts'
import { readOffset, storeRecords } from './store.ts'

export interface IngestOptions {
  readonly db: Database<MonitorSchema>
  readonly log: Logger
  /** Base address of serving. */
  readonly serving: () => string
  /** Called after each batch that was stored. */
  readonly onStored: (records: readonly JournalRecord[]) => void
}

const BATCH_BYTES = 256 * 1024
const WAIT_SECONDS = 20
/** What comes in so short a time is stored in one go, unless someone waits for it: a transaction for each request would cost more than all the rest. */
const GATHER_MS = 200
const PAUSE_MS = [50, 100, 200, 500, 1000] as const

/**
 * Takes serving's journal over, from this service's durable offset on, until stopped. The offset moves in the transaction of what was stored, so
 * a kill at any moment loses nothing and repeats nothing.
 */
export class Ingest {
  readonly #options: IngestOptions
  readonly #abort = new AbortController()
  readonly #running: Promise<void>
  #waiters: { offset: number; resolve: () => void }[] = []
  #hurry = new AbortController()
  #offset = 0

  constructor(options: IngestOptions) {
    this.#options = options
    this.#running = this.#run()
  }

  /** Resolves when all that serving had in its journal at the moment of this call is stored. Throws UPSTREAM_FAILED when serving cannot be asked. */
  async catchUp(): Promise<void> {
    await this.#reached(await this.#head())
    if (this.#abort.signal.aborted) throw new MillraceError('CANCELLED', 'the monitor is stopping')
  }

  /** In words, what of serving's journal at the moment of this call is not stored after at most `patienceMs`; null when all of it is. */
  async behind(patienceMs: number): Promise<string | null> {
    try {
      const head = await this.#head()
      await Promise.race([this.#reached(head), sleep(patienceMs, undefined, { ref: false })])
      return this.#offset >= head ? null : `${head - this.#offset} bytes of serving's journal`
    } catch (error) {
      return `serving's journal (${errorMessage(error)})`
    }
  }

  /** The journal's head, as serving knows it now. */
  async #head(): Promise<number> {
    return (await this.#fetch(this.#offset, 1, 0)).head
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#running
    this.#settle(Infinity)
  }

  async #reached(offset: number): Promise<void> {
    if (this.#offset >= offset) return
    const reached = new Promise<void>((resolve) => this.#waiters.push({ offset, resolve }))
    this.#hurry.abort()
    await reached
  }

  async #gather(): Promise<void> {
    if (this.#waiters.length > 0) return
    this.#hurry = new AbortController()
    await sleep(GATHER_MS, undefined, { signal: AbortSignal.any([this.#abort.signal, this.#hurry.signal]) }).catch(() => undefined)
  }

  async #run(): Promise<void> {
    const { db, log } = this.#options
    let failures = 0
    let loaded = false
    while (!this.#abort.signal.aborted) {
      try {
        if (!loaded) {
          this.#offset = await readOffset(db.kysely)
          loaded = true
        }
        const from = this.#offset
        const { text, next } = await this.#fetch(from, BATCH_BYTES, WAIT_SECONDS)
        if (next > from) {
          const records = parseRecords(text, from)
          const stored = await db.transaction((trx) => storeRecords(trx, records, from, next))
          this.#offset = stored ? next : await readOffset(db.kysely)
          this.#options.onStored(stored ? records : [])
          this.#settle(this.#offset)
          if (text.length < BATCH_BYTES / 2) await this.#gather()
        }
        failures = 0
      } catch (error) {
        if (this.#abort.signal.aborted) return
        const pause = PAUSE_MS[Math.min(failures++, PAUSE_MS.length - 1)] ?? 1000
        log.warn({ reason: errorMessage(error), pause }, 'taking over the journal of predictions failed; trying again')
        await sleep(pause, undefined, { signal: this.#abort.signal }).catch(() => undefined)
      }
    }
  }

  async #fetch(after: number, limit: number, wait: number): Promise<{ text: string; next: number; head: number }> {
    const url = `${this.#options.serving()}/journal?after=${after}&limit=${limit}&wait=${wait}`
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout((wait + 10) * 1000)])
    try {
      const response = await fetch(url, { signal })
      if (!response.ok) throw new MillraceError('UPSTREAM_FAILED', `serving answered ${response.status} to GET /journal?after=${after}: ${(await response.text()).slice(0, 300)}`)
      const bytes = await response.arrayBuffer()
      const head = Number(response.headers.get('x-millrace-journal-head') ?? NaN)
      if (!Number.isSafeInteger(head)) throw new MillraceError('UPSTREAM_FAILED', `serving answered GET /journal without a head`)
      return { text: Buffer.from(bytes).toString('utf8'), next: after + bytes.byteLength, head }
    } catch (error) {
      if (error instanceof MillraceError || this.#abort.signal.aborted) throw error
      throw new MillraceError('UPSTREAM_FAILED', `serving could not be asked for its journal: ${errorMessage(error)}`, { cause: error })
    }
  }

  #settle(offset: number): void {
    const reached = this.#waiters.filter((waiter) => waiter.offset <= offset)
    this.#waiters = this.#waiters.filter((waiter) => waiter.offset > offset)
    for (const { resolve } of reached) resolve()
  }
}
