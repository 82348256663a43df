import { setTimeout as sleep } from 'node:timers/promises'
import { errorMessage } from '../../../platform/errors/index.ts'
import { hexId } from '../../../platform/ids/index.ts'
import type { Logger } from '../../../platform/log/index.ts'
import type { ExecutionEvents } from './events.ts'
import type { ExecutionRow, ExecutionStore } from './store.ts'

const LEASE_MS = 15_000
const RENEW_EVERY_MS = 5_000
/** Another process may have queued something, or died with something unfinished. */
const LOOK_EVERY_MS = 2000
const PAUSE_AFTER_ERROR_MS = 1000

export interface Finished {
  readonly run_id: string
  /** null: see `Execution.unchanged`. */
  readonly version: string | null
  readonly unchanged: string | null
  readonly commit: string
}

/** Why an execution failed for good: it would fail the same way again. */
export class ExecutionFailed extends Error {
  readonly stage: string | undefined

  constructor(message: string, stage?: string) {
    super(message)
    this.name = 'ExecutionFailed'
    this.stage = stage
  }
}

export interface WorkerOptions {
  readonly store: ExecutionStore
  readonly events: ExecutionEvents
  readonly log: Logger
  /**
   * Brings an execution to its end. May be called again for one whose process died anywhere in between, and then goes on. Throws ExecutionFailed for what is
   * final; whatever else it throws is tried again after a pause. Stops soon after `signal` fires.
   */
  readonly execute: (execution: ExecutionRow, signal: AbortSignal) => Promise<Finished>
  /** Removes what the execution needed while it ran. May be called again. */
  readonly tidy: (execution: ExecutionRow) => Promise<void>
}

/** Works through the queue, one execution at a time, until stopped. What it was at stays `running` then, and goes on at the next start. */
export class ExecutionWorker {
  readonly #options: WorkerOptions
  readonly #owner = hexId()
  readonly #stop = new AbortController()
  #bell: (() => void) | undefined
  #rung = false
  #loop: Promise<void> | undefined

  constructor(options: WorkerOptions) {
    this.#options = options
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  /** Something was queued. */
  wake(): void {
    this.#rung = true
    this.#bell?.()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.wake()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { log } = this.#options
    while (!this.#stop.signal.aborted) {
      try {
        const execution = await this.#claim()
        if (execution) await this.#work(execution)
        else await this.#rest(LOOK_EVERY_MS)
      } catch (error) {
        if (this.#stop.signal.aborted) return
        log.error({ err: error }, 'working on executions failed; trying again')
        await this.#rest(PAUSE_AFTER_ERROR_MS)
      }
    }
  }

  #claim(): Promise<ExecutionRow | undefined> {
    const now = Date.now()
    return this.#options.store.claim(this.#owner, now, now + LEASE_MS, (execution, trx) => this.#options.events.started(execution, trx))
  }

  async #work(execution: ExecutionRow): Promise<void> {
    const { store, events, log, execute, tidy } = this.#options
    const id = execution.execution_id
    const lost = new AbortController()
    const renewal = setInterval(() => {
      store.renew(id, this.#owner, Date.now() + LEASE_MS).then(
        (held) => {
          if (!held) lost.abort()
        },
        (error: unknown) => log.warn({ execution: id, reason: errorMessage(error) }, 'renewing the lease failed'),
      )
    }, RENEW_EVERY_MS)
    const signal = AbortSignal.any([this.#stop.signal, lost.signal])
    try {
      const result = await execute(execution, signal)
      const ended = (await store.byId(id)) ?? execution
      await store.end(id, this.#owner, { state: 'finished', error: null, ended_at: Date.now() }, (trx) => events.finished(ended, result, trx))
      log.info({ execution: id, ...result }, 'execution finished')
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof ExecutionFailed)) throw error
      const { message, stage } = error
      await store.end(id, this.#owner, { state: 'failed', error: message, ended_at: Date.now() }, (trx) => events.failed(execution, message, stage, trx))
      log.warn({ execution: id, stage, reason: message }, 'execution failed')
    } finally {
      clearInterval(renewal)
    }
    await tidy(execution)
  }

  async #rest(ms: number): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#bell = resolve
      // Rung while the queue was being looked at: it must be looked at again.
      if (this.#rung) resolve()
    })
    const timer = new AbortController()
    await Promise.race([woken, sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined)])
    timer.abort()
    this.#bell = undefined
    this.#rung = false
  }
}
