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
/** Bytes of requests that wait for a version to be loaded, of all models together. */
const MOST_LOADING = 32 * 1024 * 1024

/** Where requests come in, all of them, or are refused before anything is done for them. */
export class Entrance {
  #refused = Number.NEGATIVE_INFINITY
  #loading = 0

  /** Whether one was refused a moment ago: then it pays to ask before a body is read. */
  pressed(now: number): boolean {
    return now - this.#refused < PRESSED_MS
  }

  /** What `loading` gives, for a request that holds its body until then. OVERLOADED where such requests hold too much already. */
  async whileLoading<T>(loading: Promise<T>, bytes: number): Promise<T> {
    if (this.#loading > 0 && this.#loading + bytes > MOST_LOADING) {
      loading.catch(() => undefined)
      throw overloaded(`${this.#loading} bytes of requests are waiting for models to be loaded; try again`)
    }
    this.#loading += bytes
    try {
      return await loading
    } finally {
      this.#loading -= bytes
    }
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
