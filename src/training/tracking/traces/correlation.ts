import { sql } from 'kysely'
import type { Double } from '../../../api/tracking.ts'
import { fromDouble } from '../../mlflow/fields.ts'
import type { Condition } from '../../search/index.ts'
import type { Queries } from '../../tables.ts'
import { traceConditions } from './search.ts'

export interface Correlation {
  readonly npmi: Double
  readonly npmi_smoothed: Double
  readonly filter1_count: number
  readonly filter2_count: number
  readonly joint_count: number
  readonly total_count: number
}

/** How much two filters go together among the traces that `base` finds: normalised pointwise mutual information. */
export async function correlate(db: Queries, experimentIds: readonly number[], filters: readonly [string, string], base: string | undefined): Promise<Correlation> {
  const [a, b] = filters.map((filter) => all(traceConditions(filter)))
  if (a === undefined || b === undefined) throw new TypeError('two filters, two conditions')
  const where = all([...traceConditions(base), sql`t.experiment_id in (${sql.join(experimentIds)})`])
  const count = (condition: Condition) => sql`coalesce(sum(case when ${condition} then 1 else 0 end), 0)`
  const { rows } = await sql<Record<'total' | 'a' | 'b' | 'both', number | string>>`
    select count(*) as total, ${count(a)} as a, ${count(b)} as b, ${count(all([a, b]))} as "both" from traces as t where ${where}`.execute(db)
  const [counts] = rows
  const [total, inA, inB, both] = [Number(counts?.total), Number(counts?.a), Number(counts?.b), Number(counts?.both)]
  const cells: Cells = [both, inA - both, inB - both, total - inA - inB + both]
  const undefinedFor = total === 0 || inA === 0 || inB === 0
  return {
    npmi: fromDouble(undefinedFor ? Number.NaN : both === 0 ? -1 : npmi(cells, 0)),
    npmi_smoothed: fromDouble(undefinedFor ? Number.NaN : npmi(cells, JEFFREYS)),
    filter1_count: inA,
    filter2_count: inB,
    joint_count: both,
    total_count: total,
  }
}

/** Traces in both, only in the first, only in the second, in neither. */
export type Cells = readonly [number, number, number, number]

/** Jeffreys' prior, which MLflow smooths by. */
const JEFFREYS = 0.5

/** G. Bouma, Normalized (Pointwise) Mutual Information in Collocation Extraction (2009): between -1 and 1; `smoothing` is added to every cell. */
export function npmi(cells: Cells, smoothing: number): number {
  const [, onlyA, onlyB, neither] = cells
  if (onlyA === 0 && onlyB === 0 && neither === 0) return 1
  const [both, a, b, none] = cells.map((cell) => cell + smoothing)
  if (both === undefined || a === undefined || b === undefined || none === undefined || both <= 0) return Number.NaN
  const total = both + a + b + none
  const information = Math.log(both) + Math.log(total) - Math.log(both + a) - Math.log(both + b)
  return Math.max(-1, Math.min(1, information / (Math.log(total) - Math.log(both))))
}

function all(conditions: readonly Condition[]): Condition {
  return conditions.length === 0 ? sql`1 = 1` : sql`(${sql.join(conditions, sql` and `)})`
}
