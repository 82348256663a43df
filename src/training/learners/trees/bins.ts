/** Columns of equal length; NaN is a missing value. */
export interface Matrix {
  readonly rows: number
  readonly columns: readonly Float32Array[]
}

/**
 * The quantile bins of every column and the bin of every value. Histograms of all columns lie in one array: column j owns the
 * slots `offsets[j]` … `offsets[j + 1] − 1`, the last of which is for missing values.
 */
export interface BinnedMatrix {
  readonly rows: number
  readonly columns: number
  /** Per column, ascending: bin b holds `thresholds[b − 1] < value ≤ thresholds[b]`, the last bin the rest. */
  readonly thresholds: readonly Float32Array[]
  readonly offsets: Int32Array
  /** Row by row, `slots[row * columns + j]`: the slot of that value. Histograms read it, a row at a time. */
  readonly slots: Uint16Array | Uint32Array
  /** The same column by column, `bins[j][row]`, less the column's offset. Partitions read it: one column, its rows in ascending order. */
  readonly bins: readonly Uint8Array[]
}

/** Quantiles of so many rows are as good as of all. */
const SAMPLE = 100_000

export function binMatrix(matrix: Matrix, maxBins: number): BinnedMatrix {
  const thresholds = matrix.columns.map((column) => quantileThresholds(column, maxBins))
  return slotMatrix(matrix, thresholds)
}

/** Puts `matrix` into bins found before, such as validation rows into the bins of the training rows. */
export function slotMatrix(matrix: Matrix, thresholds: readonly Float32Array[]): BinnedMatrix {
  const width = thresholds.length
  const offsets = new Int32Array(width + 1)
  for (let j = 0; j < width; j++) offsets[j + 1] = offsets[j]! + thresholds[j]!.length + 2
  const total = offsets[width]!
  const slots = total <= 65536 ? new Uint16Array(matrix.rows * width) : new Uint32Array(matrix.rows * width)
  const bins = thresholds.map((cuts, j) => binColumn(matrix.columns[j]!, cuts))
  for (let j = 0; j < width; j++) {
    const offset = offsets[j]!
    const column = bins[j]!
    for (let row = 0, at = j; row < column.length; row++, at += width) slots[at] = offset + column[row]!
  }
  return { rows: matrix.rows, columns: width, thresholds, offsets, slots, bins }
}

/** At most 255 bins and one for missing values: they fit a byte. */
function binColumn(column: Float32Array, thresholds: Float32Array): Uint8Array {
  const bins = new Uint8Array(column.length)
  const missing = thresholds.length + 1
  for (let row = 0; row < column.length; row++) {
    const value = column[row]!
    bins[row] = value === value ? binOf(thresholds, value) : missing
  }
  return bins
}

/** The first bin whose threshold is not below `value`. */
function binOf(thresholds: Float32Array, value: number): number {
  let low = 0
  let high = thresholds.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (value <= thresholds[middle]!) high = middle
    else low = middle + 1
  }
  return low
}

/** At most `maxBins` − 1 thresholds that cut the values into bins of about equal counts; a frequent value gets a bin of its own. */
export function quantileThresholds(column: Float32Array, maxBins: number): Float32Array {
  const { values, counts, total } = distinctValues(column)
  const cuts: number[] = []
  const cutAfter = (i: number) => {
    if (i + 1 < values.length) cuts.push(between(values[i]!, values[i + 1]!))
  }
  if (values.length <= maxBins) {
    for (let i = 0; i < values.length; i++) cutAfter(i)
    return Float32Array.from(cuts)
  }
  let left = total
  let held = 0
  for (let i = 0; i < values.length && cuts.length < maxBins - 1; i++) {
    held += counts[i]!
    const target = left / (maxBins - cuts.length)
    const next = counts[i + 1] ?? 0
    // A value that fills a bin alone must not share it with the small ones before it.
    if (held >= target || (next >= target && held >= target / 2)) {
      cutAfter(i)
      left -= held
      held = 0
    }
  }
  return Float32Array.from(cuts)
}

function distinctValues(column: Float32Array): { values: Float32Array; counts: Int32Array; total: number } {
  const stride = Math.max(1, column.length / SAMPLE)
  const sample = new Float32Array(Math.floor(column.length / stride))
  let kept = 0
  for (let i = 0; i < sample.length; i++) {
    const value = column[Math.floor(i * stride)]!
    if (value === value) sample[kept++] = value
  }
  // The distinct values overwrite the sorted sample from its start: there are never more of them than were read.
  const values = sample.subarray(0, kept).sort()
  const counts = new Int32Array(kept)
  let distinct = 0
  for (let i = 0; i < kept; i++) {
    const value = values[i]!
    if (distinct === 0 || values[distinct - 1] !== value) values[distinct++] = value
    counts[distinct - 1]!++
  }
  return { values: values.subarray(0, distinct), counts, total: kept }
}

/** A float32 t with low ≤ t < high, so that `value ≤ t` branches the same way here and in ONNX Runtime, which compares float32. */
function between(low: number, high: number): number {
  const middle = Math.fround(low / 2 + high / 2)
  return middle >= low && middle < high ? middle : low
}
