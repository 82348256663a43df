import type { KeyValue } from '../../../api/tracking.ts'
import { type Database, Groups } from '../../../platform/db/index.ts'
import type { TrackingSchema } from '../../tables.ts'
import { type NewRun, commitRuns } from './write-runs.ts'
import { commitLogs } from './write-logs.ts'
import type { MetricPoint } from './metrics.ts'

/** What one request logs to one run: all of it or nothing. Keys of params are distinct. */
export interface RunLog {
  readonly runId: string
  readonly metrics: readonly MetricPoint[]
  readonly params: readonly KeyValue[]
  readonly tags: readonly KeyValue[]
}

/** Rows of one transaction; beyond, sharing one gains nothing and others wait too long. */
const MOST_ROWS = 5000

/**
 * The one writer of new runs and of what is logged to them. Requests that come together share a transaction and its statements, and each is answered when that is
 * on disk: runs are written in the order of requests, and one that is refused takes nothing of the others with it.
 */
export class RunWriter {
  readonly #created: Groups<NewRun, string>
  readonly #logged: Groups<RunLog, void>

  constructor(db: Database<TrackingSchema>) {
    this.#created = new Groups((jobs) => db.transaction((trx) => commitRuns(db, trx, jobs)), ({ tags }) => 1 + tags.length, MOST_ROWS)
    this.#logged = new Groups((jobs) => db.transaction((trx) => commitLogs(db, trx, jobs)), (job) => job.metrics.length + job.params.length + job.tags.length, MOST_ROWS)
  }

  /** Answers with the place of the run's artifacts. */
  create(run: NewRun): Promise<string> {
    return this.#created.submit(run)
  }

  log(log: RunLog): Promise<void> {
    return this.#logged.submit(log)
  }
}
