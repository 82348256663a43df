import { MillraceError } from '../../platform/errors/index.ts'
import type { Batcher, BatchJob } from '../runtime/batcher.ts'
import type { Served } from '../runtime/plane.ts'
import { type Admission, overloaded } from './admission.ts'

/** The queue of a model version. */
export interface Line {
  readonly batcher: Pick<Batcher<BatchJob>, 'ahead'>
  readonly admission: Admission
}

const PRESSED_MS = 100

/** Where requests come in, all of them, or are refused before anything is done for them. */
export class Entrance {
  #refused = Number.NEGATIVE_INFINITY

  /** Whether one was refused a moment ago: then it pays to ask before a body is read. */
  pressed(now: number): boolean {
    return now - this.#refused < PRESSED_MS
  }

  /** BODY_TOO_LARGE for too many rows; OVERLOADED where too many requests wait, too many bytes, or the model would come to this one too late. */
  check(served: Served, rows: number, bytes: number, line: Line | undefined): void {
    const { name, limits, waiting, waitingBytes } = served
    if (rows > limits.maxRows) throw new MillraceError('BODY_TOO_LARGE', `the request has ${rows} rows; ${name} takes ${limits.maxRows} at most`)
    const now = performance.now()
    try {
      if (waiting >= limits.maxQueue) throw overloaded(`${waiting} requests are waiting for ${name}; try again`)
      if (waiting > 0 && waitingBytes + bytes > limits.maxQueueBytes) throw overloaded(`${waitingBytes} bytes of requests are waiting for ${name}; try again`)
      line?.admission.check(line.batcher.ahead(rows, now), now, name)
    } catch (error) {
      this.#refused = now
      throw error
    }
  }
}
