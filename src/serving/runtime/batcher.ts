import { type MillraceError, toMillraceError } from '../../platform/errors/index.ts'
import type { Ahead } from '../limits/admission.ts'
import { BatchTimes } from '../limits/batch-times.ts'
import { type Recipient, unwanted } from '../limits/recipient.ts'

/** Rows of one request on their way through one model version. */
export interface BatchJob {
  readonly rows: number
  /** Asked before the first row is predicted: what nobody waits for is not. */
  readonly recipient?: Recipient
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
  /** Whether two jobs may go together; absent: all may. */
  readonly alike?: (one: J, other: J) => boolean
  /** Predicts all slices as one batch and writes scores and labels into the jobs. */
  readonly run: (slices: readonly Slice<J>[], rows: number) => Promise<void>
  /** Makes the predictions of these slices durable; their answers wait for it. */
  readonly commit: (slices: readonly Slice<J>[]) => Promise<void> | undefined
  /** How many seconds a job was queued before its first row was taken into a batch. */
  readonly queued?: (seconds: number, job: J) => void
}

/** Rounds of the event loop that a batch may wait for company at most. */
const ROUNDS = 8

interface Waiting<J extends BatchJob> {
  readonly job: J
  readonly since: number
  /** Whether it could not go with the one before it when it came: what is alike may change meanwhile. */
  readonly breaks: boolean
  taken: number
  failed: boolean
}

/**
 * Puts requests together without a timer: those that arrive while a batch runs, and, once there was more than one of these, those that the next turns of the event loop
 * bring go together, `maxRows` at a time in order of arrival. A request alone waits for nothing. A batch that fails for what was asked is run again job by job, so that only the
 * job at fault fails.
 */
export class Batcher<J extends BatchJob> {
  readonly #runner: BatchRunner<J>
  #queue: Waiting<J>[] = []
  #first = 0
  #running = false
  /** Whether the last batch held more than one request. */
  #crowded = false
  /** Rows that wait; and how often one that waits cannot go with the one before it. */
  #rows = 0
  #breaks = 0
  readonly #times = new BatchTimes()
  /** When the batch that is being predicted began, and how long it was expected to take. */
  #began = 0
  #expected = 0

  constructor(runner: BatchRunner<J>) {
    this.#runner = runner
  }

  /** Jobs of which some row has not been taken into a batch. */
  get queued(): number {
    return this.#queue.length - this.#first
  }

  /** What a job of so many rows would find before it now. */
  ahead(rows: number, now: number): Ahead {
    const { maxRows } = this.#runner
    const own = this.#times.predict(Math.ceil(rows / maxRows), rows)
    const running = this.#expected === 0 ? 0 : Math.max(0, this.#expected - (now - this.#began))
    const batches = this.#rows === 0 ? 0 : Math.max(Math.ceil(this.#rows / maxRows), this.#breaks + 1)
    return { wait: running + this.#times.predict(batches, this.#rows), own }
  }

  submit(job: J): void {
    const last = this.#first < this.#queue.length ? this.#queue[this.#queue.length - 1] : undefined
    const breaks = last !== undefined && !this.#alike(last.job, job)
    if (breaks) this.#breaks++
    this.#rows += job.rows
    this.#queue.push({ job, since: performance.now(), breaks, taken: 0, failed: false })
    if (this.#running) return
    this.#running = true
    // Alone, it begins in this turn of the event loop; where the last ones came together, so may the next.
    if (this.#crowded) setImmediate(() => void this.#drain())
    else queueMicrotask(() => void this.#drain())
  }

  #alike(one: J, other: J): boolean {
    return this.#runner.alike === undefined || this.#runner.alike(one, other)
  }

  async #drain(): Promise<void> {
    while (this.queued > 0) {
      if (this.#crowded) await this.#gather()
      const began = performance.now()
      const taken = this.#take(began)
      this.#crowded = taken.length > 1
      if (taken.length > 0) {
        const rows = rowsOf(taken)
        this.#began = began
        this.#expected = this.#times.predict(1, rows)
        await this.#predict(taken)
        this.#times.observe(rows, performance.now() - began)
        this.#expected = 0
      }
      while (this.#queue[this.#first]?.failed) this.#pop()
    }
    this.#running = false
    this.#rows = 0
    this.#breaks = 0
  }

  /**
   * Under load, lets the event loop go round while each round brings more requests: a run of the model costs much by itself and little by
   * row. A request that comes alone, as the one before it, does not wait.
   */
  async #gather(): Promise<void> {
    for (let round = 0; this.#rows < this.#runner.maxRows && round < ROUNDS; round++) {
      const before = this.queued
      await new Promise((resolve) => setImmediate(resolve))
      if (this.queued === before) return
    }
  }

  /** The next batch from the head of the queue; a job with more rows than fit stays at the head with the rest. */
  #take(now: number): { slice: Slice<J>; of: Waiting<J> }[] {
    const taken: { slice: Slice<J>; of: Waiting<J> }[] = []
    let room = this.#runner.maxRows
    while (room > 0 && this.#first < this.#queue.length) {
      const waiting = this.#queue[this.#first]!
      const { job } = waiting
      if (taken[0] && !this.#alike(taken[0].slice.job, job)) break
      if (waiting.taken === 0 && !waiting.failed) {
        const reason = job.recipient && unwanted(job.recipient, now)
        if (reason) fail([{ of: waiting }], reason)
        else this.#runner.queued?.((now - waiting.since) / 1000, job)
      }
      if (!waiting.failed) {
        const to = Math.min(job.rows, waiting.taken + room)
        taken.push({ slice: { job, from: waiting.taken, to }, of: waiting })
        room -= to - waiting.taken
        this.#rows -= to - waiting.taken
        waiting.taken = to
      }
      if (waiting.failed || waiting.taken === job.rows) this.#pop()
    }
    if (this.#first === this.#queue.length || this.#first > 1024) {
      this.#queue = this.#queue.slice(this.#first)
      this.#first = 0
    }
    return taken
  }

  /** Takes the head off the queue, with the rows that it has left where it failed. */
  #pop(): void {
    const { job, taken } = this.#queue[this.#first++]!
    const next = this.#queue[this.#first]
    if (next?.breaks) this.#breaks--
    this.#rows -= job.rows - taken
  }

  async #predict(taken: readonly { slice: Slice<J>; of: Waiting<J> }[]): Promise<void> {
    const slices = taken.map(({ slice }) => slice)
    try {
      await this.#runner.run(slices, rowsOf(taken))
    } catch (error) {
      if (taken.length === 1 || !mayBeOneJobs(error)) return fail(taken, error)
      for (const one of taken) {
        const reason = one.slice.job.recipient && unwanted(one.slice.job.recipient, performance.now())
        if (reason) fail([one], reason)
        else await this.#predict([one])
      }
      return
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

/** Whether a single job of the batch may have brought it about, so that the others are worth another run. */
function mayBeOneJobs(error: unknown): boolean {
  const { code } = toMillraceError(error)
  return code === 'INPUT_INVALID' || code === 'PREDICTION_FAILED' || code === 'INTERNAL'
}

function rowsOf<J extends BatchJob>(taken: readonly { slice: Slice<J> }[]): number {
  let rows = 0
  for (const { slice } of taken) rows += slice.to - slice.from
  return rows
}

function finish<J extends BatchJob>(taken: readonly { slice: Slice<J>; of: Waiting<J> }[]): void {
  for (const { slice, of } of taken) if (!of.failed && slice.to === slice.job.rows) slice.job.settle(null)
}

function fail<J extends BatchJob>(taken: readonly { of: Waiting<J> }[], error: unknown): void {
  const known = toMillraceError(error)
  for (const { of } of taken) {
    if (of.failed) continue
    of.failed = true
    of.job.settle(known)
  }
}
