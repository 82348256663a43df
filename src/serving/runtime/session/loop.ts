import type { InferenceSession } from 'onnxruntime-node'
import type { ModelSession, Place } from './port.ts'
import { RUN_LIMIT_MS } from './trial.ts'

/** So many more long runs than short ones, and the model belongs elsewhere: one alone may be the machine's fault. */
const PATIENCE = 8

/**
 * A model in the event loop: the cheapest place for short runs. Where `elsewhere` is given, runs are watched (its inputs may be larger than those it was tried
 * with), and once they prove to be long the model moves there; the loop runs it until it has.
 */
export class LoopSession implements ModelSession {
  readonly maxRows: number
  readonly inputMetadata: readonly InferenceSession.ValueMetadata[]
  readonly outputMetadata: readonly InferenceSession.ValueMetadata[]
  readonly #session: InferenceSession
  readonly #elsewhere: (() => Promise<ModelSession>) | undefined
  #moving: Promise<void> | undefined
  #moved: ModelSession | undefined
  #running = 0
  #long = 0

  constructor(session: InferenceSession, maxRows: number, elsewhere?: () => Promise<ModelSession>) {
    this.#session = session
    this.inputMetadata = session.inputMetadata
    this.outputMetadata = session.outputMetadata
    this.maxRows = maxRows
    this.#elsewhere = elsewhere
  }

  get place(): Place {
    return this.#moved?.place ?? 'loop'
  }

  run(feeds: InferenceSession.OnnxValueMapType, fetch: readonly string[]): Promise<InferenceSession.OnnxValueMapType> {
    if (this.#moved) return this.#moved.run(feeds, fetch)
    return this.#here(feeds, fetch, this.#moving ? undefined : this.#elsewhere)
  }

  async release(): Promise<void> {
    await this.#moving
    await (this.#moved ?? this.#session).release()
  }

  /** With `elsewhere` the run is watched: it is made in an immediate, just behind one of ours (see `timedRun`). */
  async #here(feeds: InferenceSession.OnnxValueMapType, fetch: readonly string[], elsewhere: (() => Promise<ModelSession>) | undefined): Promise<InferenceSession.OnnxValueMapType> {
    let started = 0
    if (elsewhere) setImmediate(() => (started = performance.now()))
    this.#running++
    try {
      const results = await this.#session.run(feeds, fetch)
      if (elsewhere) this.#watch(performance.now() - started, elsewhere)
      return results
    } finally {
      this.#running--
      if (this.#moved && this.#running === 0) void this.#session.release()
    }
  }

  #watch(took: number, elsewhere: () => Promise<ModelSession>): void {
    this.#long = Math.max(0, this.#long + (took > RUN_LIMIT_MS ? 1 : -1))
    if (this.#long >= PATIENCE) this.#move(elsewhere)
  }

  #move(elsewhere: () => Promise<ModelSession>): void {
    this.#moving ??= elsewhere().then(
      (session) => {
        this.#moved = session
        if (this.#running === 0) void this.#session.release()
      },
      () => {
        // The loop goes on with it: slow is better than not at all.
        this.#long = Number.NEGATIVE_INFINITY
      },
    )
  }
}
