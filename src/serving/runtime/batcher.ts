import { type MillraceError, toMillraceError } from '../../platform/errors/index.ts'

/** Rows of one request on their way through one model version. */
export interface BatchJob {
  readonly rows: number
  /** Only jobs of the same key go together; jobs without one all do. */
  readonly key?: string
  /** Called once: with null after all rows were predicted and committed, else with the reason. */
  readonly settle: (error: MillraceError | null) => void
}

/** Part of a job that goes into one batch. */
export interface Slice<J extends BatchJob> {
  readonly job: J
  readonly from: number
  readonly to: number
}

export interface BatchRunner<J extends BatchJob> {
  readonly maxRows: number
  /** Predicts all slices as one batch and writes scores and labels into the jobs. */
  readonly run: (slices: readonly Slice<J>[], rows: number) => Promise<void>
  /** Makes the predictions of these slices durable; their answers wait for it. */
  readonly commit: (slices: readonly Slice<J>[]) => Promise<void> | undefined
}

/** Rounds of the event loop that a batch may wait for company at most. */
const ROUNDS = 8

interface Waiting<J extends BatchJob> {
  readonly job: J
  taken: number
  failed: boolean
}

/**
 * Puts requests together without a timer: those that arrive in one turn of the event loop, those that arrive while a batch runs, and, under load,
 * those that the next turns bring go together, `maxRows` at a time in order of arrival. A request alone waits for nothing. A batch that fails is run again job by job, so that
 * only the job at fault fails.
 */
export class Batcher<J extends BatchJob> {
  readonly #runner: BatchRunner<J>
  #queue: Waiting<J>[] = []
  #first = 0
  #running = false
  /** Whether the last batch held more than one request. */
  #crowded = false

  constructor(runner: BatchRunner<J>) {
    this.#runner = runner
  }

  /** Jobs of which some row has not been taken into a batch. */
  get queued(): number {
    return this.#queue.length - this.#first
  }

  submit(job: J): void {
    this.#queue.push({ job, taken: 0, failed: false })
    if (this.#running) return
    this.#running = true
    setImmediate(() => void this.#drain())
  }

  async #drain(): Promise<void> {
    while (this.queued > 0) {
      await this.#gather()
      const taken = this.#take()
      this.#crowded = taken.length > 1
      if (taken.length > 0) await this.#predict(taken)
      while (this.#queue[this.#first]?.failed) this.#first++
    }
    this.#running = false
  }

  /**
   * Under load, lets the event loop go round while each round brings more requests: a run of the model costs much by itself and little by
   * row. A request that comes alone, as the one before it, does not wait.
   */
  async #gather(): Promise<void> {
    for (let round = 0; this.#crowded && round < ROUNDS; round++) {
      const before = this.queued
      await new Promise((resolve) => setImmediate(resolve))
      if (this.queued === before) return
    }
  }

  /** The next batch from the head of the queue; a job with more rows than fit stays at the head with the rest. */
  #take(): { slice: Slice<J>; of: Waiting<J> }[] {
    const taken: { slice: Slice<J>; of: Waiting<J> }[] = []
    let room = this.#runner.maxRows
    while (room > 0 && this.#first < this.#queue.length) {
      const waiting = this.#queue[this.#first]!
      const { job } = waiting
      if (taken[0] && taken[0].slice.job.key !== job.key) break
      if (!waiting.failed) {
        const to = Math.min(job.rows, waiting.taken + room)
        taken.push({ slice: { job, from: waiting.taken, to }, of: waiting })
        room -= to - waiting.taken
        waiting.taken = to
      }
      if (waiting.failed || waiting.taken === job.rows) this.#first++
    }
    if (this.#first === this.#queue.length || this.#first > 1024) {
      this.#queue = this.#queue.slice(this.#first)
      this.#first = 0
    }
    return taken
  }

  async #predict(taken: readonly { slice: Slice<J>; of: Waiting<J> }[]): Promise<void> {
    const slices = taken.map(({ slice }) => slice)
    try {
      await this.#runner.run(slices, rowsOf(slices))
    } catch (error) {
      if (taken.length > 1) {
        for (const one of taken) await this.#predict([one])
        return
      }
      return fail(taken, error)
    }
    try {
      const committed = this.#runner.commit(slices)
      // With a slow commit (fdatasync) the next batch is predicted meanwhile.
      if (committed) void committed.then(() => finish(taken), (error: unknown) => fail(taken, error))
      else finish(taken)
    } catch (error) {
      fail(taken, error)
    }
  }
}

function rowsOf<J extends BatchJob>(slices: readonly Slice<J>[]): number {
  let rows = 0
  for (const { from, to } of slices) rows += to - from
  return rows
}

function finish<J extends BatchJob>(taken: readonly { slice: Slice<J>; of: Waiting<J> }[]): void {
  for (const { slice, of } of taken) if (!of.failed && slice.to === slice.job.rows) slice.job.settle(null)
}

function fail<J extends BatchJob>(taken: readonly { slice: Slice<J>; of: Waiting<J> }[], error: unknown): void {
  const known = toMillraceError(error)
  for (const { of } of taken) {
    if (of.failed) continue
    of.failed = true
    of.job.settle(known)
  }
}
