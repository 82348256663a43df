import type { GetOnlineFeaturesRequest, GetOnlineFeaturesResponse } from '../../api/features.ts'
import { fullFeatureName } from '../../domain/feature-spec.ts'
import type { OnlineValues } from '../../domain/feature-builder.ts'
import { errorMessage } from '../../platform/errors/index.ts'
import type { TraceHeaders } from '../../platform/tracing/index.ts'

/** Asks the features service; must give up after `timeoutMs`. */
export type AskFeatures = (request: GetOnlineFeaturesRequest, timeoutMs: number, trace: TraceHeaders | undefined) => Promise<GetOnlineFeaturesResponse>

/** The trace of a request for which features are looked up. */
export interface LookupTrace {
  readonly headers: TraceHeaders
  /** Told of the headers that the call carries where another request's were chosen: it has one trace, and is made for several. */
  readonly joined?: (headers: TraceHeaders) => void
}

export interface LookupRequest {
  /** `view:feature` each. */
  readonly online: readonly string[]
  readonly joinKey: string
  readonly keys: readonly (string | number)[]
  /** One moment per key, milliseconds. */
  readonly asOf: readonly number[]
  readonly trace?: LookupTrace | undefined
}

interface Waiting {
  readonly request: LookupRequest
  readonly deadline: number
  readonly resolve: (values: readonly OnlineValues[] | undefined) => void
}

export interface LookupObserver {
  readonly asked: (rows: number, seconds: number) => void
  readonly failed: (rows: number, reason: string, trace: TraceHeaders | undefined) => void
}

/** Few, so that requests go together; more than one, so that a call that hangs does not hold up all others until its deadline. */
const CALLS_AT_ONCE = 2

/**
 * Online features for requests, one call for all that came in the same turn of the event loop or while the calls under way were. A
 * request waits `deadlineMs` at most and then gets undefined: the model fills what is missing, as in training.
 */
export class FeatureLookup {
  readonly #ask: AskFeatures
  readonly #deadlineMs: number
  readonly #observer: LookupObserver
  /** By features asked for: a call has one list of them. */
  readonly #waiting = new Map<string, Waiting[]>()
  #calls = 0
  #scheduled = false

  constructor(ask: AskFeatures, deadlineMs: number, observer: LookupObserver) {
    this.#ask = ask
    this.#deadlineMs = deadlineMs
    this.#observer = observer
  }

  /** Values per key, in the order of `online`; undefined where they were not to be had in time. */
  get(request: LookupRequest): Promise<readonly OnlineValues[] | undefined> {
    return new Promise((resolve) => {
      const group = `${request.joinKey} ${request.online.join(' ')}`
      const waiting: Waiting = { request, deadline: performance.now() + this.#deadlineMs, resolve }
      const others = this.#waiting.get(group)
      if (others) others.push(waiting)
      else this.#waiting.set(group, [waiting])
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled || this.#calls >= CALLS_AT_ONCE) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      for (const [group, waiting] of this.#waiting) {
        if (this.#calls >= CALLS_AT_ONCE) break
        this.#waiting.delete(group)
        void this.#call(waiting)
      }
    })
  }

  async #call(waiting: readonly Waiting[]): Promise<void> {
    this.#calls++
    try {
      await this.#answer(waiting)
    } finally {
      this.#calls--
      if (this.#waiting.size > 0) this.#schedule()
    }
  }

  async #answer(waiting: readonly Waiting[]): Promise<void> {
    const started = performance.now()
    const inTime = waiting.filter((one) => one.deadline > started)
    for (const one of waiting) if (one.deadline <= started) this.#giveUp([one], 'the deadline passed in the queue')
    const [first] = inTime
    if (!first) return
    const { online, joinKey } = first.request
    try {
      const response = await this.#ask(
        {
          features: online,
          entities: { [joinKey]: inTime.flatMap((one) => one.request.keys) },
          as_of: inTime.flatMap((one) => one.request.asOf),
          full_feature_names: true,
        },
        Math.max(1, Math.ceil(Math.min(...inTime.map((one) => one.deadline)) - started)),
        traceOf(inTime, true),
      )
      this.#handOut(inTime, online, response)
      this.#observer.asked(rowsOf(inTime), (performance.now() - started) / 1000)
    } catch (error) {
      this.#giveUp(inTime, errorMessage(error))
    }
  }

  #handOut(waiting: readonly Waiting[], online: readonly string[], { metadata, results }: GetOnlineFeaturesResponse): void {
    const columns = online.map((reference) => {
      const position = metadata.feature_names.indexOf(fullFeatureName(reference))
      const values = results[position]?.values
      if (values === undefined || values.length !== rowsOf(waiting)) throw new Error(`the features service gave no whole column for ${reference}`)
      return values
    })
    let row = 0
    for (const { request, resolve } of waiting) {
      const from = row
      row += request.keys.length
      resolve(request.keys.map((_, i) => columns.map((values) => values[from + i] ?? null)))
    }
  }

  #giveUp(waiting: readonly Waiting[], reason: string): void {
    this.#observer.failed(rowsOf(waiting), reason, traceOf(waiting, false))
    for (const one of waiting) one.resolve(undefined)
  }
}

/** The first that there is; the others are told of it. */
function traceOf(waiting: readonly Waiting[], telling: boolean): TraceHeaders | undefined {
  let chosen: TraceHeaders | undefined
  for (const { request } of waiting) {
    if (chosen === undefined) chosen = request.trace?.headers
    else if (telling) request.trace?.joined?.(chosen)
  }
  return chosen
}

function rowsOf(waiting: readonly Waiting[]): number {
  return waiting.reduce((sum, one) => sum + one.request.keys.length, 0)
}
