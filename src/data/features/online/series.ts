import type { Scalar } from '../../../api/serving.ts'

/**
 * The recent rows of one entity in one view, in memory, ordered by time and row key. Rows mostly arrive in order of time, so that adding is appending; a late
 * one is put into its place.
 */
export class Series {
  readonly #times: number[] = []
  readonly #keys: string[] = []
  readonly #rows: (readonly Scalar[])[] = []

  get length(): number {
    return this.#times.length
  }

  get rows(): readonly (readonly Scalar[])[] {
    return this.#rows
  }

  timeAt(index: number): number {
    return this.#times[index] ?? Number.NaN
  }

  /** The row of exactly this moment and key. */
  find(time: number, key: string): readonly Scalar[] | undefined {
    const at = this.#place(time, key)
    return this.#times[at] === time && this.#keys[at] === key ? this.#rows[at] : undefined
  }

  /** Adds a row, or replaces the one of the same moment and key. */
  put(time: number, key: string, values: readonly Scalar[]): void {
    const at = this.#place(time, key)
    const replaced = this.#times[at] === time && this.#keys[at] === key ? 1 : 0
    this.#times.splice(at, replaced, time)
    this.#keys.splice(at, replaced, key)
    this.#rows.splice(at, replaced, values)
  }

  /** How many rows lie at or before `time`; the last of them has index one less. */
  countThrough(time: number): number {
    let low = 0
    let high = this.#times.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.timeAt(middle) <= time) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Forgets the rows before `time`; with `keepNewest` all of the newest moment among them stay. */
  prune(time: number, keepNewest: boolean): void {
    let count = this.#firstAt(time)
    if (keepNewest && count > 0) count = this.#firstAt(this.timeAt(count - 1))
    if (count === 0) return
    this.#times.splice(0, count)
    this.#keys.splice(0, count)
    this.#rows.splice(0, count)
  }

  #firstAt(time: number): number {
    let low = 0
    let high = this.#times.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.timeAt(middle) < time) low = middle + 1
      else high = middle
    }
    return low
  }

  #place(time: number, key: string): number {
    let at = this.countThrough(time)
    while (at > 0 && this.#times[at - 1] === time && (this.#keys[at - 1] ?? '') >= key) at--
    return at
  }
}
