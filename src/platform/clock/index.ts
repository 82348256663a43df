import { readFileSync } from 'node:fs'
import { MillraceError, errnoCode } from '../errors/index.ts'
import { writeFileDurable } from '../fs/index.ts'

/**
 * Two times. `wall` is the machine's and serves leases, timeouts and audit. `project` is the time of the world that the model
 * lives in: windows, label delays, cool-downs, schedules. They are the same unless the clock is simulated.
 */
export interface Clock {
  readonly simulated: boolean
  wall(): Date
  project(): Date
}

/** A clock whose project time a driver moves. `set` returns after the new time is on disk. */
export interface SettableClock extends Clock {
  set(now: Date): void
  /** Called after each move, in order of registration. Returns a function that stops the calls. */
  onMove(listener: (now: Date) => void): () => void
}

export const wallClock: Clock = {
  simulated: false,
  wall: () => new Date(),
  project: () => new Date(),
}

/**
 * A simulated clock kept in `file`, so that a service killed at any moment starts again at the time it had acknowledged.
 * Throws CLOCK_BACKWARDS for a time before the present one; the same time again is accepted (a driver's retry).
 */
export class SimulatedClock implements SettableClock {
  readonly simulated = true
  readonly #file: string | undefined
  readonly #listeners = new Set<(now: Date) => void>()
  #now: number

  constructor(start: Date, file?: string) {
    this.#file = file
    this.#now = Math.max(start.getTime(), file === undefined ? 0 : readStored(file))
  }

  wall(): Date {
    return new Date()
  }

  project(): Date {
    return new Date(this.#now)
  }

  set(now: Date): void {
    const next = now.getTime()
    if (!Number.isFinite(next)) throw new MillraceError('BAD_REQUEST', 'now: expected an RFC 3339 time')
    if (next < this.#now) {
      throw new MillraceError('CLOCK_BACKWARDS', `project time is ${this.project().toISOString()}; ${now.toISOString()} is before it`)
    }
    if (next === this.#now) return
    if (this.#file !== undefined) writeFileDurable(this.#file, `${now.toISOString()}\n`)
    this.#now = next
    for (const listener of this.#listeners) listener(now)
  }

  onMove(listener: (now: Date) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

function readStored(file: string): number {
  try {
    const time = Date.parse(readFileSync(file, 'utf8').trim())
    if (Number.isNaN(time)) throw new MillraceError('CONFIG_INVALID', `${file}: expected an RFC 3339 time`)
    return time
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return 0
    throw error
  }
}
