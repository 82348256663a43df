/** Values of one column with missing ones left out: numbers, or the names of categories. */
export type Sample = Float64Array | readonly string[]

export interface Binned {
  /** Share of each bin, reference and current, over the same bins. */
  readonly reference: readonly number[]
  readonly current: readonly number[]
  /** How the bins came about, kept with each score: the same formula over other bins gives another number. */
  readonly binning: 'sturges' | 'categories'
}

/** Above so many distinct values in the reference a numeric column is cut into intervals (Evidently 0.7.23, `get_binned_data`). */
const MOST_DISTINCT = 20

/** Evidently 0.7.23's bins for PSI and Jensen-Shannon. Neither sample may be empty. `integer`: the column's type holds whole numbers only. */
export function binTogether(reference: Sample, current: Sample, integer = false): Binned {
  if (isNumeric(reference) && isNumeric(current) && hasMoreDistinct(MOST_DISTINCT, reference)) {
    const edges = sturgesEdges(reference, current, integer)
    return { reference: histogram(reference, edges), current: histogram(current, edges), binning: 'sturges' }
  }
  const counts = countTogether(reference, current)
  return {
    reference: counts.reference.map((count) => count / reference.length),
    current: counts.current.map((count) => count / current.length),
    binning: 'categories',
  }
}

/** How often each value of either sample occurs in each. */
export function countTogether(reference: Sample, current: Sample): { reference: number[]; current: number[] } {
  const index = new Map<string | number, number>()
  const counts = { reference: [] as number[], current: [] as number[] }
  const add = (into: number[], value: string | number): void => {
    let at = index.get(value)
    if (at === undefined) {
      at = index.size
      index.set(value, at)
      counts.reference.push(0)
      counts.current.push(0)
    }
    into[at] = (into[at] ?? 0) + 1
  }
  for (const value of reference) add(counts.reference, value)
  for (const value of current) add(counts.current, value)
  return counts
}

/**
 * Equal-width edges over both samples by Sturges' rule, as `numpy.histogram_bin_edges(…, bins='sturges')`: width = range / (log2(n) + 1), at
 * least 1 for integers, and as many bins as it takes to cover the range.
 */
export function sturgesEdges(reference: Float64Array, current: Float64Array, integer: boolean): Float64Array {
  let low = Infinity
  let high = -Infinity
  for (const sample of [reference, current]) {
    for (const value of sample) {
      if (value < low) low = value
      if (value > high) high = value
    }
  }
  let width = (high - low) / (Math.log2(reference.length + current.length) + 1)
  if (integer && width < 1) width = 1
  const bins = width > 0 ? Math.ceil((high - low) / width) : 1
  if (low === high) {
    low -= 0.5
    high += 0.5
  }
  const edges = new Float64Array(bins + 1)
  const step = (high - low) / bins
  for (let i = 0; i < bins; i++) edges[i] = i * step + low
  edges[bins] = high
  return edges
}

/** Shares by bin; each bin holds its lower edge, the last one its upper edge too. Values outside the edges count in the total only. */
export function histogram(sample: Float64Array, edges: Float64Array): number[] {
  const bins = edges.length - 1
  const counts = Array.from({ length: bins }, () => 0)
  const low = edges[0] ?? 0
  const high = edges[bins] ?? 0
  for (const value of sample) {
    if (value < low || value > high) continue
    let bin = Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins))
    // The division can be off by one unit in the last place: the edges decide.
    while (bin > 0 && value < (edges[bin] ?? 0)) bin--
    while (bin < bins - 1 && value >= (edges[bin + 1] ?? 0)) bin++
    counts[bin] = (counts[bin] ?? 0) + 1
  }
  return counts.map((count) => count / sample.length)
}

/** Whether the samples hold more than `limit` different values; looks no further than it must. */
export function hasMoreDistinct(limit: number, ...samples: readonly Float64Array[]): boolean {
  const seen = new Set<number>()
  for (const sample of samples) {
    for (const value of sample) {
      seen.add(value)
      if (seen.size > limit) return true
    }
  }
  return false
}

export function isNumeric(sample: Sample): sample is Float64Array {
  return sample instanceof Float64Array
}
