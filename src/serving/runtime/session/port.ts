import type { InferenceSession } from 'onnxruntime-node'

/** Where a model runs: in the event loop, which then does nothing else, in a thread of its own, or, a Python model, in a process. */
export type Place = 'loop' | 'thread' | 'process'

/** `auto`: as the trial at loading says. */
export type RunPlace = 'auto' | 'loop' | 'thread'

/** A model that can be run, wherever that happens. The answers are the same, bit for bit. */
export interface ModelSession {
  /** May turn from `loop` to `thread`, once, when its runs prove to be long. */
  readonly place: Place
  /** Rows of one run at most, so that a run in the loop takes no longer than RUN_LIMIT_MS; no bound where none is needed. */
  readonly maxRows: number
  readonly inputMetadata: readonly InferenceSession.ValueMetadata[]
  readonly outputMetadata: readonly InferenceSession.ValueMetadata[]
  /** `feeds` may be used again once the promise is settled. Rejects with the runtime's own words; PREDICTION_FAILED where the thread died. */
  run(feeds: InferenceSession.OnnxValueMapType, fetch: readonly string[]): Promise<InferenceSession.OnnxValueMapType>
  /** Nobody may run it any more. */
  release(): Promise<void>
}
