import type { Run } from '../../../api/tracking.ts'
import { type Database, Groups, type Outcome } from '../../../platform/db/index.ts'
import { inChunks } from '../../store.ts'
import type { TrackingSchema } from '../../tables.ts'
import { presentRuns } from './present.ts'
import { FIND_DOCUMENTS, KEEP_DOCUMENTS } from './statements.ts'

interface Built {
  readonly runId: string
  readonly revision: number
  readonly document: string
}

/** Documents that wait to be kept; more are left to be built again. */
const MOST_WAITING = 2000
/** Characters kept in one transaction. */
const MOST_AT_ONCE = 4_000_000

/**
 * Whole runs as the JSON of MLflow's `Run`, so that a page of them is joined, not assembled. A document is kept when it is first read, under the revision that the
 * run then had; whatever changes a run raises its revision (`touchRuns`), and a document of another revision is built anew.
 */
export class RunDocuments {
  readonly #db: Database<TrackingSchema>
  readonly #keeping: Groups<Built, void>
  #waiting = 0

  constructor(db: Database<TrackingSchema>) {
    this.#db = db
    const keep = async (built: readonly Built[]) => {
      // Two reads at once may have built the same one; PostgreSQL refuses to touch a row twice in one statement.
      const newest = new Map(built.toSorted((a, b) => a.revision - b.revision).map((one) => [one.runId, one]))
      await db.transaction((trx) => db.each(trx, KEEP_DOCUMENTS, [...newest.values()].toSorted((a, b) => (a.runId < b.runId ? -1 : 1)).map((one) => [one.runId, one.revision, one.document])))
      return built.map((): Outcome<void> => ({ result: undefined }))
    }
    this.#keeping = new Groups(keep, ({ document }) => document.length, MOST_AT_ONCE)
  }

  /** In the order of `ids`; a run that does not exist is missing from it. */
  async read(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = await this.#db.each(this.#db.reading, FIND_DOCUMENTS, ids.map((id) => [id]))
    const documents = new Map<string, string>()
    const missing: string[] = []
    for (const [id, , document] of found) {
      if (document === null) missing.push(id)
      else documents.set(id, document)
    }
    return missing.length === 0 ? documents : new Map([...documents, ...(await this.build(missing))])
  }

  /** Builds the documents of runs from their tables. */
  async build(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const db = this.#db.reading
    // The revision is read before the tables: what changes meanwhile raises it, and then the document counts as out of date.
    const rows = await inChunks(ids, (chunk) => db.selectFrom('runs').selectAll().where('run_id', 'in', chunk).execute())
    const runs = await presentRuns(db, rows)
    const built = runs.map((run: Run, i): Built => ({ runId: run.info.run_id, revision: rows[i]?.revision ?? 0, document: JSON.stringify(run) }))
    this.#keep(built)
    return new Map(built.map(({ runId, document }) => [runId, document]))
  }

  /** In the background: a reader need not wait, and where nothing can be written (a full disk) it has been answered all the same. */
  #keep(built: readonly Built[]): void {
    for (const one of built.slice(0, Math.max(0, MOST_WAITING - this.#waiting))) void this.#keepOne(one)
  }

  async #keepOne(built: Built): Promise<void> {
    this.#waiting++
    await Promise.allSettled([this.#keeping.submit(built)])
    this.#waiting--
  }
}
