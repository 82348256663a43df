import { MillraceError } from '../../platform/errors/index.ts'

/** A request may always wait for so many times what it costs itself, so that a queue of one is no overload: as CoDel never drops the last packet. */
const OWN_COSTS = 2
/** How much longer a wait may be while it is a burst, and until when it is one. CoDel's interval, which its RFC sets to 100 ms. */
const BURST = 5
const INTERVAL_MS = 100

/** What stands before a request at one moment, in milliseconds. */
export interface Ahead {
  /** Until the model begins with it. */
  readonly wait: number
  /** What it will cost. */
  readonly own: number
}

/**
 * Bounds the queue of a model by the time that a request would wait in it instead of by a count, after CoDel (K. Nichols, V. Jacobson: Controlled Delay Active
 * Queue Management, RFC 8289) and its use for servers (B. Maurer: Fail at Scale, ACM Queue 13(8), 2015; folly/executors/Codel.h). A queue that stands is of no
 * use to anyone: once requests have found more than `maxWait` before them for an interval, those that would wait longer are refused; until then it is a burst,
 * which may be five times as long. Unlike CoDel, which drops what has waited, this refuses at the door by what the wait is expected to be: the
 * refused one learns of it at once, and the model computes nothing in vain.
 */
export class Admission {
  readonly #maxWait: number
  #since = 0
  #last = Number.NEGATIVE_INFINITY

  constructor(maxWaitMs: number) {
    this.#maxWait = maxWaitMs
  }

  /** Whether requests have lately found more than they should before them. */
  pressed(now: number): boolean {
    return now - this.#last < INTERVAL_MS
  }

  /** OVERLOADED where the request would wait too long. */
  check({ wait, own }: Ahead, now: number, model: string): void {
    if (wait <= this.#maxWait || wait <= OWN_COSTS * own) return
    if (!this.pressed(now)) this.#since = now
    this.#last = now
    const standing = now - this.#since >= INTERVAL_MS
    if (wait > (standing ? 1 : BURST) * Math.max(this.#maxWait, OWN_COSTS * own)) throw overloaded(`${model} would answer only after ${Math.ceil(wait)} ms; try again`, wait)
  }
}

/** `waitMs`: after which it is worth trying again. */
export function overloaded(message: string, waitMs = 0): MillraceError {
  return withoutStack(() => new MillraceError('OVERLOADED', message, { details: { retry_after: Math.max(1, Math.ceil(waitMs / 1000)) } }))
}

/** Of an error that is made thousands of times a second, to be sent to callers, its stack would be a fifth of the cost. */
export function withoutStack<E extends Error>(make: () => E): E {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return make()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}
