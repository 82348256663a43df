/** What became of one job of a group. */
export type Outcome<Result> = { readonly result: Result } | { readonly error: unknown }

/**
 * Group commit: jobs that come while others are being committed, or within one turn of the event loop, share the next commit. A job is answered when its own
 * commit is done. When a group fails as a whole, each of its jobs is tried alone, so that only the one at fault fails; hence a commit leaves nothing behind
 * when it throws. At most one commit runs at a time.
 */
export class Groups<Job, Result> {
  readonly #commit: (jobs: readonly Job[]) => Promise<readonly Outcome<Result>[]>
  readonly #weigh: (job: Job) => number
  readonly #heaviest: number
  #waiting: { readonly job: Job; readonly settle: (outcome: Outcome<Result>) => void }[] = []
  #busy = false

  /** `heaviest`: jobs are added to a group until they weigh so much; a heavier job is a group of its own. */
  constructor(commit: (jobs: readonly Job[]) => Promise<readonly Outcome<Result>[]>, weigh: (job: Job) => number, heaviest: number) {
    this.#commit = commit
    this.#weigh = weigh
    this.#heaviest = heaviest
  }

  submit(job: Job): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, settle: (outcome) => ('error' in outcome ? reject(outcome.error) : resolve(outcome.result)) })
      if (this.#busy) return
      this.#busy = true
      setImmediate(() => void this.#work())
    })
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#next()
      const outcomes = await this.#settled(group.map(({ job }) => job))
      for (const [i, { settle }] of group.entries()) settle(outcomes[i] ?? { error: new TypeError('a commit must answer each of its jobs') })
    }
    this.#busy = false
  }

  #next() {
    let weight = 0
    const end = this.#waiting.findIndex(({ job }, i) => (weight += this.#weigh(job)) > this.#heaviest && i > 0)
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end)
  }

  async #settled(jobs: readonly Job[]): Promise<readonly Outcome<Result>[]> {
    try {
      return await this.#commit(jobs)
    } catch (error) {
      if (jobs.length === 1) return [{ error }]
      const outcomes: Outcome<Result>[] = []
      for (const job of jobs) outcomes.push(...(await this.#settled([job])))
      return outcomes
    }
  }
}
