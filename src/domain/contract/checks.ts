import type { Threshold } from './threshold.ts'

export type Scalar = string | number | boolean

/** The seven of ODCS (`quality.dimension`). */
export const DIMENSIONS = ['accuracy', 'completeness', 'conformity', 'consistency', 'coverage', 'timeliness', 'uniqueness'] as const
export type Dimension = (typeof DIMENSIONS)[number]

export const STATISTICS = ['min', 'max', 'mean', 'median', 'stddev', 'sum', 'quantile', 'distinctCount', 'distinctShare'] as const
export type Statistic = (typeof STATISTICS)[number]

/** One demand on a single value. Null meets every demand: only `nullValues` and `missingValues` speak about null. */
export type ValueTest =
  | { readonly test: 'minimum' | 'maximum' | 'exclusiveMinimum' | 'exclusiveMaximum'; readonly bound: number | string }
  | { readonly test: 'minLength' | 'maxLength'; readonly length: number }
  | { readonly test: 'multipleOf'; readonly divisor: number }
  /** Found anywhere in the value, as ECMA-262 `test` does; anchor it for a full match. RE2's subset: no look-around, no back-reference. */
  | { readonly test: 'pattern'; readonly pattern: string; readonly format?: string }
  | { readonly test: 'validValues' | 'forbiddenValues'; readonly values: readonly Scalar[] }

/**
 * What a check measures: one number, which the threshold judges. The first group counts rows; the second gives a number about the
 * whole table.
 */
export type Measure =
  | { readonly kind: 'nullValues'; readonly column: string }
  | { readonly kind: 'missingValues'; readonly column: string; readonly values: readonly Scalar[]; readonly nullIsMissing: boolean }
  | { readonly kind: 'invalidValues'; readonly column: string; readonly tests: readonly ValueTest[] }
  /** Rows beyond the first of their key. A row with a null in its key has no key, as in SQL's UNIQUE. */
  | { readonly kind: 'duplicateValues'; readonly columns: readonly string[] }
  /** Rows for which the SQL expression is false; null counts as holding, as in SQL's CHECK. */
  | { readonly kind: 'failedRows'; readonly expression: string }
  /** Rows of files that lack the column. */
  | { readonly kind: 'missingColumn'; readonly column: string }
  /** Rows of Parquet files whose column has another type; in CSV, rows whose text is not of the type. */
  | { readonly kind: 'wrongType'; readonly column: string }
  /** Rows of files with a column that the contract does not name. */
  | { readonly kind: 'otherColumns' }
  | { readonly kind: 'rowCount' }
  | { readonly kind: 'statistic'; readonly column: string; readonly statistic: Statistic; readonly quantile?: number }
  | { readonly kind: 'query'; readonly sql: string }
  /** Seconds from the newest value to the moment of the check. */
  | { readonly kind: 'age'; readonly column: string }
  /** Seconds of the longest gap between two consecutive distinct values. */
  | { readonly kind: 'gap'; readonly column: string }

export type MeasureKind = Measure['kind']

/** `warning` reports a violation and does not refuse the data. */
export type Severity = 'error' | 'warning'

export type CheckCategory = 'schema' | 'quality' | 'servicelevel'

export interface Check {
  /** Unique within a contract, and stable while the contract's names are: `origin.validValues`. */
  readonly rule: string
  readonly category: CheckCategory
  /** The contract's own word for it: `required`, `minimum`, `duplicateValues`, `latency` … */
  readonly type: string
  readonly table: string
  readonly description?: string
  readonly measure: Measure
  readonly threshold: Threshold
  /** `percent`: of all rows, 0–100. Measures of the second group know only `rows`, read as the plain number. */
  readonly unit: 'rows' | 'percent'
  readonly dimension: Dimension
  readonly severity: Severity
  readonly qualityId?: string
  readonly tags: readonly string[]
}

const COUNTS_ROWS: ReadonlySet<MeasureKind> = new Set<MeasureKind>([
  'nullValues', 'missingValues', 'invalidValues', 'duplicateValues', 'failedRows', 'missingColumn', 'wrongType', 'otherColumns',
])

export function countsRows(kind: MeasureKind): boolean {
  return COUNTS_ROWS.has(kind)
}

/** The columns whose presence and type a check rests on. Those inside SQL text are the database's to find. */
export function columnsOf(measure: Measure): readonly string[] {
  switch (measure.kind) {
    case 'duplicateValues':
      return measure.columns
    case 'rowCount':
    case 'query':
    case 'failedRows':
    case 'otherColumns':
      return []
    default:
      return [measure.column]
  }
}
