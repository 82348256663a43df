import { setTimeout as sleep } from 'node:timers/promises'
import type { ScoredRecord } from '../../api/serving.ts'
import type { Database } from '../../platform/db/index.ts'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import type { Outbox } from '../../platform/events/outbox.ts'
import type { Logger } from '../../platform/log/index.ts'
import type { MonitorSchema } from '../tables.ts'
import { type Continuity, checkContinuity } from './continuity.ts'
import { type JournalPage, type ReadJournal, journalReader } from './journal-reader.ts'
import { lastLineMark } from './marks.ts'
import { parseRecords } from './records.ts'
import { type IngestState, readState, resumeAt, setBlocked, storeRecords } from './store.ts'

export interface IngestOptions {
  readonly db: Database<MonitorSchema>
  readonly outbox: Outbox
  readonly log: Logger
  /** Base address of serving. */
  readonly serving: () => string
  /** Called after each batch that was stored. */
  readonly onStored: (records: readonly ScoredRecord[]) => void
  /** Called when the journal was found not to be what was taken over of it. */
  readonly onDiscontinued: (kind: Discontinuity) => void
}

export type Discontinuity = Exclude<Continuity['kind'], 'continued'>

interface Waiter {
  epoch: string
  offset: number
  readonly resolve: () => void
}

const BATCH_BYTES = 256 * 1024
const WAIT_SECONDS = 20
/** What comes in so short a time is stored in one go, unless someone waits for it: a transaction for each request would cost more than all the rest. */
const GATHER_MS = 200
const PAUSE_MS = [50, 100, 200, 500, 1000] as const
const LONGEST_PAUSE_MS = 1000

/**
 * Takes serving's journal over, from this service's durable offset on, until stopped. The offset moves in the transaction of what was stored, so
 * a kill at any moment loses nothing and repeats nothing. Before the first line of each process of serving is stored, the journal is compared with
 * the marks of what was taken over: one that was cut, or restored from an older state, is read on from the last line in common.
 */
export class Ingest {
  readonly #options: IngestOptions
  readonly #abort = new AbortController()
  readonly #read: ReadJournal
  readonly #running: Promise<void>
  #waiters: Waiter[] = []
  #hurry = new AbortController()
  #offset = 0
  /** The process of serving whose journal is known to continue what was taken over; null until that was looked at. */
  #epoch: string | null = null
  #blocked: { readonly offset: number } | null = null
  #trouble: string | null = null

  constructor(options: IngestOptions) {
    this.#options = options
    this.#read = journalReader(options.serving, this.#abort.signal)
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
      if (this.#blocked === null) await Promise.race([this.#reached(head), sleep(patienceMs, undefined, { ref: false })])
      if (this.#blocked !== null) return `serving's journal, which has no line in common with the ${this.#blocked.offset} bytes taken over: restore it, or let it be taken over from its beginning with POST /-/journal/adopt`
      if (this.#has(head)) return null
      const what = head.epoch === this.#epoch ? `${head.head - this.#offset} bytes of serving's journal` : "serving's journal since it was started"
      return this.#trouble === null ? what : `${what} (${this.#trouble})`
    } catch (error) {
      return `serving's journal (${errorMessage(error)})`
    }
  }

  /** Takes over from its beginning a journal that has no line in common with what was taken over. CONFLICT where that is not so. */
  async adopt(): Promise<{ readonly offset: number }> {
    const state = await readState(this.#options.db.kysely)
    if (!state.blocked) throw new MillraceError('CONFLICT', `serving's journal is being taken over from offset ${state.offset} on; there is no other one to adopt`)
    const { tail, head, epoch } = await this.#head()
    await this.#resume(state, { kind: 'replaced', at: tail, head, epoch })
    return { offset: tail }
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#running
    for (const { resolve } of this.#waiters.splice(0)) resolve()
  }

  /** Where serving's journal ends now. */
  #head(): Promise<JournalPage> {
    return this.#read(this.#offset, 1, 0)
  }

  #has({ head, epoch }: JournalPage): boolean {
    return epoch === this.#epoch && this.#offset >= head
  }

  async #reached(page: JournalPage): Promise<void> {
    if (this.#has(page)) return
    const reached = new Promise<void>((resolve) => this.#waiters.push({ epoch: page.epoch, offset: page.head, resolve }))
    this.#hurry.abort()
    await reached
  }

  #settle(): void {
    const reached = (waiter: Waiter): boolean => waiter.epoch === this.#epoch && waiter.offset <= this.#offset
    const done = this.#waiters.filter(reached)
    this.#waiters = this.#waiters.filter((waiter) => !reached(waiter))
    for (const { resolve } of done) resolve()
  }

  async #run(): Promise<void> {
    let failures = 0
    while (!this.#abort.signal.aborted) {
      try {
        if (this.#epoch === null && !(await this.#connect())) await this.#pause(LONGEST_PAUSE_MS)
        else await this.#takeOver()
        failures = 0
        this.#trouble = null
      } catch (error) {
        if (this.#abort.signal.aborted) return
        // Whoever answers next may be another process.
        this.#epoch = null
        const pause = PAUSE_MS[Math.min(failures++, PAUSE_MS.length - 1)] ?? LONGEST_PAUSE_MS
        const reason = errorMessage(error)
        if (reason !== this.#trouble) this.#options.log.warn({ reason, pause }, 'taking over the journal of predictions failed; trying again')
        this.#trouble = reason
        await this.#pause(pause)
      }
    }
  }

  async #takeOver(): Promise<void> {
    const { db, onStored } = this.#options
    const from = this.#offset
    const { bytes, epoch } = await this.#read(from, BATCH_BYTES, WAIT_SECONDS, from)
    if (epoch !== this.#epoch) {
      this.#epoch = null
      return
    }
    if (bytes === null) throw new MillraceError('UPSTREAM_FAILED', `serving's journal has no line at offset ${from}, up to which it was taken over`)
    if (bytes.length === 0) return
    const records = parseRecords(bytes.toString('utf8'), from)
    const next = from + bytes.length
    const stored = await db.transaction((trx) => storeRecords(trx, records, from, next, lastLineMark(bytes, from)))
    if (!stored) {
      this.#epoch = null
      return
    }
    this.#offset = next
    onStored(records)
    this.#settle()
    if (bytes.length < BATCH_BYTES / 2) await this.#gather()
  }

  /** Finds where to go on with the journal of the process that answers now. Returns false where there is no such place, or not yet. */
  async #connect(): Promise<boolean> {
    const { db } = this.#options
    const waiting = [...this.#waiters]
    const state = await readState(db.kysely)
    this.#offset = state.offset
    const found = await checkContinuity(this.#read, state.offset, state.marks)
    if (found === null) return false
    if (found.kind === 'replaced') {
      await this.#block(state, found)
      return false
    }
    if (found.kind !== 'continued') await this.#resume(state, found)
    else if (state.blocked) await db.transaction((trx) => setBlocked(trx, false))
    this.#blocked = null
    this.#offset = found.at
    this.#epoch = found.epoch
    // They were told of a head before this process began to answer: of what lay there, what the journal has now is all there will be.
    for (const waiter of waiting) {
      waiter.epoch = found.epoch
      waiter.offset = Math.min(waiter.offset, found.head)
    }
    this.#settle()
    return true
  }

  async #resume(state: IngestState, { kind, at, head }: Continuity): Promise<void> {
    if (kind === 'continued') return
    const { db, outbox, log, onDiscontinued } = this.#options
    const marks = kind === 'replaced' ? [] : state.marks.filter((mark) => mark.end <= at)
    const told = { cause: kind, offset: state.offset, resumed_at: at, head } as const
    const moved = await db.transaction(async (trx) => {
      const done = await resumeAt(trx, state.offset, at, marks)
      if (done) await outbox.emit(trx, 'dev.millrace.journal.discontinued', 'serving', told)
      return done
    })
    if (!moved) throw new MillraceError('CONFLICT', 'another monitor has taken over more of the journal meanwhile')
    log.error(told, "serving's journal is not what was taken over of it; going on from there")
    onDiscontinued(kind)
  }

  async #block(state: IngestState, { head }: Continuity): Promise<void> {
    const { db, outbox, log, onDiscontinued } = this.#options
    this.#blocked = { offset: state.offset }
    if (state.blocked) return
    const told = { cause: 'replaced', offset: state.offset, resumed_at: null, head } as const
    const isNew = await db.transaction(async (trx) => {
      const changed = await setBlocked(trx, true)
      if (changed) await outbox.emit(trx, 'dev.millrace.journal.discontinued', 'serving', told)
      return changed
    })
    if (!isNew) return
    log.error(told, "serving's journal has no line in common with what was taken over; waiting for an operator")
    onDiscontinued('replaced')
  }

  async #gather(): Promise<void> {
    if (this.#waiters.length > 0) return
    this.#hurry = new AbortController()
    await sleep(GATHER_MS, undefined, { signal: AbortSignal.any([this.#abort.signal, this.#hurry.signal]) }).catch(() => undefined)
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#abort.signal }).catch(() => undefined)
  }
}
