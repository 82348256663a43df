import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../platform/clock/index.ts'
import type { Database } from '../../platform/db/index.ts'
import { errorMessage } from '../../platform/errors/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import type { MonitorSchema } from '../tables.ts'
import { openCandidates } from './candidates.ts'
import type { Policy, Watched } from './policy.ts'
import type { Promotion } from './promotion.ts'

export interface EngineOptions {
  readonly db: Database<MonitorSchema>
  readonly clock: Clock
  readonly log: Logger
  readonly watched: readonly Watched[]
  readonly policy: Policy
  readonly promotion: Promotion
  /** Called after a moment of project time was dealt with and nothing is due. */
  readonly onIdle: (now: Date) => Promise<void>
}

/** While an execution runs or another service is away it is asked again so often; otherwise time moves on its own so slowly that this is soon enough. */
const BUSY_MS = 250
const IDLE_MS = 5_000

/** Does what is due, one thing after the other, until nothing is; then sleeps until project time moves, a candidate comes, or a while has passed. */
export class Engine {
  readonly #options: EngineOptions
  readonly #abort = new AbortController()
  readonly #running: Promise<void>
  #alarm = new AbortController()
  #trouble: string | null = null

  constructor(options: EngineOptions) {
    this.#options = options
    this.#running = this.#run()
  }

  wake(): void {
    this.#alarm.abort()
  }

  /** What is due at the present project time and not done, in words, with what is in the way. */
  async waitingFor(): Promise<string[]> {
    const { db, clock, watched, policy, promotion } = this.#options
    const due: string[] = []
    for (const one of watched) {
      const moments = await policy.due(one, clock.project().getTime())
      if (moments.length > 0) due.push(`windows and policy of ${one.model} up to ${new Date(moments.at(-1) ?? 0).toISOString()}`)
    }
    for (const candidate of await openCandidates(db.kysely)) {
      const what = await promotion.waitingFor(candidate)
      if (what !== null) due.push(what)
    }
    return this.#trouble === null ? due : due.map((what) => `${what} (${this.#trouble})`)
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    this.wake()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, log, onIdle } = this.#options
    while (!this.#abort.signal.aborted) {
      this.#alarm = new AbortController()
      let busy = true
      try {
        while (!this.#abort.signal.aborted && (await this.#step())) continue
        busy = (await this.waitingFor()).length > 0
        if (!busy) await onIdle(clock.project())
        this.#trouble = null
      } catch (error) {
        if (this.#abort.signal.aborted) return
        const reason = errorMessage(error)
        if (reason !== this.#trouble) log.warn({ reason }, 'what is due could not be done; trying again')
        this.#trouble = reason
      }
      const signal = AbortSignal.any([this.#abort.signal, this.#alarm.signal])
      await sleep(busy ? BUSY_MS : IDLE_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Candidates first, oldest first: what was decided up to now is carried out before time moves on. */
  async #step(): Promise<boolean> {
    const { db, clock, promotion, policy, watched } = this.#options
    for (const candidate of await openCandidates(db.kysely)) if (await promotion.step(candidate)) return true
    for (const one of watched) {
      const [moment] = await policy.due(one, clock.project().getTime())
      if (moment === undefined) continue
      await policy.pass(one, moment)
      return true
    }
    return false
  }
}
