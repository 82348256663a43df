import type { JournalRecord } from '../../api/serving.ts'
import type { Database } from '../../platform/db/index.ts'
import { errorMessage } from '../../platform/errors/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import type { ServingSchema } from '../routing/store.ts'
import type { Journal } from './journal.ts'

/** What is counted: rows that were answered, ever. */
export interface Counted {
  readonly name: string
  predictions: number
}

const SAVE_EVERY_MS = 2000
const PAGE_BYTES = 4 * 1024 * 1024

/**
 * Keeps the number of predictions of each model over restarts: the counts are saved with the journal's offset that they reach, and a start counts on from
 * there in the journal itself. So they are exact after kill -9, too.
 */
export class Tally {
  readonly #db: Database<ServingSchema>
  readonly #journal: Journal
  readonly #log: Logger
  readonly #counted: readonly Counted[]
  readonly #flush: () => void
  #savedAt = 0
  #durable = 0
  #timer: NodeJS.Timeout | undefined
  #saving: Promise<void> = Promise.resolve()

  /** `flush` writes what was counted and is not yet in the journal. */
  constructor(db: Database<ServingSchema>, journal: Journal, log: Logger, counted: readonly Counted[], flush: () => void) {
    this.#flush = flush
    this.#db = db
    this.#journal = journal
    this.#log = log
    this.#counted = counted
  }

  /** Sets each count to what it was; before the first request. */
  async start(): Promise<void> {
    const rows = await this.#db.kysely.selectFrom('tallies').selectAll().execute()
    const saved = new Map(rows.map(({ model, predictions, journal_offset: offset }) => [model, { predictions, offset }]))
    for (const one of this.#counted) one.predictions = saved.get(one.name)?.predictions ?? 0
    const from = new Map(this.#counted.map(({ name }) => [name, saved.get(name)?.offset ?? 0]))
    await this.#countFrom(from)
    this.#savedAt = this.#journal.head
    this.#timer = setInterval(() => this.#save(), SAVE_EVERY_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#save()
    await this.#saving
  }

  async #countFrom(from: ReadonlyMap<string, number>): Promise<void> {
    let after = Math.max(this.#journal.tail, Math.min(this.#journal.head, ...from.values()))
    const byName = new Map(this.#counted.map((one) => [one.name, one]))
    while (after < this.#journal.head) {
      const { bytes, next } = await this.#journal.read(after, PAGE_BYTES)
      let offset = after
      for (const line of bytes.toString().trimEnd().split('\n')) {
        const { model, role }: JournalRecord = JSON.parse(line)
        const counted = byName.get(model)
        if (counted && role === 'champion' && offset >= (from.get(model) ?? 0)) counted.predictions++
        offset += Buffer.byteLength(line) + 1
      }
      after = next
    }
  }

  /** Up to which offset predictions were counted and the counts saved: a start counts on from there. */
  get savedTo(): number {
    return this.#durable
  }

  #save(): void {
    try {
      this.#flush()
    } catch {
      // Whoever keeps those lines has said why they cannot be written; the next save comes with them.
      return
    }
    const { head } = this.#journal
    if (head === this.#savedAt) return
    // Taken in one step: a batch is journaled and counted without a pause between.
    const rows = this.#counted.map(({ name, predictions }) => ({ model: name, predictions, journal_offset: head }))
    this.#savedAt = head
    this.#saving = this.#db
      .transaction(async (trx) => {
        for (const { model, ...state } of rows) {
          await trx.insertInto('tallies').values({ model, ...state }).onConflict((c) => c.column('model').doUpdateSet(state)).execute()
        }
      })
      .then(() => void (this.#durable = head))
      .catch((error: unknown) => this.#log.warn({ reason: errorMessage(error) }, 'the number of predictions could not be saved; a start will count further back'))
  }
}
