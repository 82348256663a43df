import type { Totals } from './port.ts'

export interface Counts {
  experiments: number
  runs: number
  models: number
  registered: number
  points: number
  files: number
  bytes: number
  /** Runs and models that had been copied before and have not changed. */
  passed: number
}

/** Counts what is done, and estimates what is left by the runs and models that are. */
export class Progress {
  readonly #counts: Counts = { experiments: 0, runs: 0, models: 0, registered: 0, points: 0, files: 0, bytes: 0, passed: 0 }
  readonly #started: number
  readonly #now: () => number
  #totals: Totals | undefined

  constructor(now: () => number = Date.now) {
    this.#now = now
    this.#started = now()
  }

  add(what: keyof Counts, count = 1): void {
    this.#counts[what] += count
  }

  expect(totals: Totals | undefined): void {
    this.#totals = totals
  }

  get counts(): Readonly<Counts> {
    return { ...this.#counts }
  }

  /** One line: what is done of how much, and how long the rest may take. */
  line(): string {
    const { runs, models, passed, points, files, bytes } = this.#counts
    const done = runs + models + passed
    const total = this.#totals === undefined ? undefined : this.#totals.runs + this.#totals.models
    const share = total === undefined ? `${number(done)} runs and models` : `${number(done)} of ${number(total)} runs and models`
    const parts = [share, `${number(points)} points`, `${number(files)} files (${size(bytes)})`]
    // Of what is copied, not of what is passed over, which takes no time.
    const copied = runs + models
    if (total !== undefined && copied > 0 && done < total) parts.push(`about ${duration(((this.#now() - this.#started) / copied) * (total - done))} left`)
    return parts.join(', ')
  }
}

export function number(value: number): string {
  return value.toLocaleString('en-US')
}

export function size(bytes: number): string {
  const unit = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), 4)
  return unit === 0 ? `${bytes} B` : `${(bytes / 2 ** (10 * unit)).toFixed(1)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][unit]}`
}

function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes < 1) return `${Math.max(1, Math.round(ms / 1000))} s`
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
