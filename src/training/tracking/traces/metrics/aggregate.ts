import { type Aggregation, DIMENSIONS, type Fact, type MetricKind } from './views.ts'

export interface Wanted {
  readonly aggregation: Aggregation
  /** Of PERCENTILE, between 0 and 100. */
  readonly percentile: number | undefined
}

export interface DataPoint {
  readonly metric_name: string
  readonly dimensions: Readonly<Record<string, string>>
  readonly values: Readonly<Record<string, number>>
}

/**
 * One point for each combination of dimensions and, with `bucketMs`, each span of time; in the order of time and then of the dimensions. What lacks one of the
 * dimensions is left out, as in MLflow.
 */
export function aggregate(name: string, kind: MetricKind, facts: Iterable<Fact>, wanted: readonly Wanted[], dimensions: readonly string[], bucketMs: number | undefined): readonly DataPoint[] {
  const groups = new Map<string, { readonly keys: Readonly<Record<string, string>>; readonly values: number[]; readonly seen: Set<string> }>()
  for (const fact of facts) {
    const value = kind.value(fact)
    const distinct = kind.distinct?.(fact)
    if (value === undefined || Number.isNaN(value) || (kind.distinct !== undefined && distinct === undefined)) continue
    const missing = dimensions.some((dimension) => DIMENSIONS[dimension]?.(fact) === undefined)
    if (missing) continue
    const keys: Record<string, string> = {}
    if (bucketMs !== undefined) keys['time_bucket'] = new Date(Math.floor(fact.time / bucketMs) * bucketMs).toISOString().replace(/(\.000)?Z$/, '+00:00')
    for (const dimension of dimensions) {
      const found = DIMENSIONS[dimension]?.(fact)
      if (found !== undefined) keys[dimension] = found
    }
    const id = JSON.stringify(keys)
    const group = groups.get(id) ?? { keys, values: [], seen: new Set<string>() }
    groups.set(id, group)
    if (distinct !== undefined && group.seen.has(distinct)) continue
    if (distinct !== undefined) group.seen.add(distinct)
    group.values.push(value)
  }
  if (groups.size === 0 && dimensions.length === 0 && bucketMs === undefined && wanted.some(({ aggregation }) => aggregation === 'COUNT')) {
    return [{ metric_name: name, dimensions: {}, values: { COUNT: 0 } }]
  }
  const ordered = [...groups.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return ordered.map(([, { keys, values }]) => {
    const sorted = Float64Array.from(values).toSorted()
    return { metric_name: name, dimensions: keys, values: Object.fromEntries(wanted.map((one) => [label(one), statistic(one, sorted)])) }
  })
}

/** As Python writes it: `P95.0`. */
export function label({ aggregation, percentile }: Wanted): string {
  if (aggregation !== 'PERCENTILE') return aggregation
  return Number.isInteger(percentile) ? `P${percentile}.0` : `P${percentile}`
}

/** `sorted` has at least one value. */
function statistic({ aggregation, percentile }: Wanted, sorted: Float64Array): number {
  const sum = () => sorted.reduce((total, value) => total + value, 0)
  switch (aggregation) {
    case 'COUNT':
      return sorted.length
    case 'SUM':
      return sum()
    case 'AVG':
      return sum() / sorted.length
    case 'MIN':
      return sorted[0] ?? Number.NaN
    case 'MAX':
      return sorted.at(-1) ?? Number.NaN
    case 'PERCENTILE':
      return quantile(sorted, (percentile ?? 0) / 100)
  }
}

/** With linear interpolation (Hyndman and Fan's seventh, numpy's default). */
export function quantile(sorted: Float64Array, q: number): number {
  const place = q * (sorted.length - 1)
  const low = sorted[Math.floor(place)] ?? Number.NaN
  const high = sorted[Math.ceil(place)] ?? low
  return low + (high - low) * (place - Math.floor(place))
}
