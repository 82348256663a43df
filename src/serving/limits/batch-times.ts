/** How much of what was known remains after each batch: the last ten or so count. */
const MEMORY = 0.9
/** What remains after a batch that took less than half of what was expected: a process that has just started is slow only once. */
const SHORT_MEMORY = 0.3
/** Before so many batches nothing is foretold. */
const FEWEST = 10

/**
 * How long a batch takes by its rows: a line through the recent ones, fitted by least squares that forget exponentially. Before batches of different sizes were
 * seen only the whole is known, and counts as the cost of a batch: the guess errs on the side of taking a request in.
 */
export class BatchTimes {
  #seen = 0
  #n = 0
  #x = 0
  #y = 0
  #xx = 0
  #xy = 0
  #base = 0
  #perRow = 0

  /** A batch of `rows` took `ms`. */
  observe(rows: number, ms: number): void {
    this.#seen++
    const memory = ms < (this.#base + rows * this.#perRow) / 2 ? SHORT_MEMORY : MEMORY
    this.#n = this.#n * memory + 1
    this.#x = this.#x * memory + rows
    this.#y = this.#y * memory + ms
    this.#xx = this.#xx * memory + rows * rows
    this.#xy = this.#xy * memory + rows * ms
    const meanX = this.#x / this.#n
    const meanY = this.#y / this.#n
    const variance = this.#xx / this.#n - meanX * meanX
    // Within rounding of the squares there is one size of batch only.
    const slope = variance > 1e-6 * meanX * meanX ? (this.#xy / this.#n - meanX * meanY) / variance : 0
    // Neither a batch nor a row costs less than nothing: the line then goes through the mean.
    this.#perRow = Math.min(Math.max(0, slope), meanY / meanX)
    // Rounding may go a little below nothing.
    this.#base = Math.max(0, meanY - this.#perRow * meanX)
  }

  /** Milliseconds that so many rows take in so many batches; 0 before enough were seen. */
  predict(batches: number, rows: number): number {
    if (this.#seen < FEWEST) return 0
    return batches * this.#base + rows * this.#perRow
  }
}
