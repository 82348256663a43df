/**
 * Categories as numbers that trees can cut: ordered by how high the target is among the training rows of each, so that one threshold
 * parts high categories from low ones. Categories that are unknown, missing (null or '') or too rare become NaN, a missing value, whose
 * direction the trees learn.
 */
export interface CategoryCodes {
  /** Code i stands for `categories[i]`. */
  readonly categories: readonly string[]
}

export interface CategoryOptions {
  /** Categories with fewer rows are treated like one never seen. */
  readonly minRows: number
  /** Pulls the mean of a small category towards the mean of all, as if it had so many rows more. */
  readonly smoothing: number
  /** The rest beyond so many, rarest first, is treated like one never seen. Trees have at most 255 bins. */
  readonly limit: number
}

export const DEFAULT_CATEGORY_OPTIONS: CategoryOptions = { minRows: 10, smoothing: 20, limit: 254 }

export function learnCategories(
  values: readonly (string | null)[],
  target: Float64Array,
  weights?: Float64Array,
  options: CategoryOptions = DEFAULT_CATEGORY_OPTIONS,
): CategoryCodes {
  const found = new Map<string, { rows: number; weight: number; sum: number }>()
  let total = 0
  let sum = 0
  for (let row = 0; row < values.length; row++) {
    const weight = weights === undefined ? 1 : weights[row]!
    total += weight
    sum += weight * target[row]!
    const value = values[row]
    if (value === null || value === undefined || value === '') continue
    let entry = found.get(value)
    if (entry === undefined) found.set(value, (entry = { rows: 0, weight: 0, sum: 0 }))
    entry.rows++
    entry.weight += weight
    entry.sum += weight * target[row]!
  }
  const mean = total > 0 ? sum / total : 0
  const kept = [...found]
    .filter(([, entry]) => entry.rows >= options.minRows)
    .sort(([a, x], [b, y]) => y.rows - x.rows || byCodeUnits(a, b))
    .slice(0, options.limit)
    .map(([category, entry]) => ({ category, mean: (entry.sum + options.smoothing * mean) / (entry.weight + options.smoothing) }))
  // Ties by name: the same rows give the same codes, in whatever order they come.
  kept.sort((a, b) => a.mean - b.mean || byCodeUnits(a.category, b.category))
  return { categories: kept.map(({ category }) => category) }
}

export function encodeCategories(codes: CategoryCodes, values: readonly (string | null)[]): Float32Array {
  const byName = new Map(codes.categories.map((category, code) => [category, code]))
  const encoded = new Float32Array(values.length)
  for (let row = 0; row < encoded.length; row++) encoded[row] = byName.get(values[row] ?? '') ?? Number.NaN
  return encoded
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
