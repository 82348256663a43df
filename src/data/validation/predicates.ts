import { isFloating, type Measure, type ValueTest } from '../../domain/contract/index.ts'
import { identifier, literal } from '../../platform/duckdb/index.ts'
import type { ColumnState } from './layout.ts'

/**
 * SQL that is true of the rows which break a rule, and false or null of the others. Undefined for measures that no single row decides.
 * `states` has every column that the measure names.
 */
export function breachOf(measure: Measure, states: ReadonlyMap<string, ColumnState>): string | undefined {
  if (measure.kind === 'failedRows') return `NOT (${measure.expression}\n)`
  if (!('column' in measure)) return undefined
  const state = states.get(measure.column)
  if (state?.type === undefined) return undefined
  const column = identifier(measure.column)
  const usable = state.flag === undefined ? '' : ` AND ${identifier(state.flag)}`
  switch (measure.kind) {
    case 'nullValues':
      return `${column} IS NULL${usable}`
    case 'missingValues': {
      const tokens = measure.values.map((value) => typed(String(value), state.type))
      const parts = [...(measure.nullIsMissing ? [`${column} IS NULL`] : []), ...(tokens.length > 0 ? [`coalesce(${column} IN (${tokens.join(', ')}), false)`] : [])]
      return `(${parts.join(' OR ') || 'false'})${usable}`
    }
    case 'invalidValues':
      return `${column} IS NOT NULL${usable} AND (${measure.tests.map((test) => broken(test, column, state.type)).join(' OR ')})`
    case 'wrongType':
      return state.textual && state.flag !== undefined ? `NOT ${identifier(state.flag)}` : undefined
    default:
      return undefined
  }
}

/** The text as a value of the column's type; null, which equals nothing, where it is not one. */
function typed(text: string, type: string | undefined): string {
  return type === undefined || type === 'VARCHAR' ? literal(text) : `TRY_CAST(${literal(text)} AS ${type})`
}

/** True where a value (not null) breaks the test. NaN is within no bounds. */
function broken(test: ValueTest, column: string, type: string | undefined): string {
  switch (test.test) {
    case 'minimum':
      return outside(column, '>=', test.bound, type)
    case 'exclusiveMinimum':
      return outside(column, '>', test.bound, type)
    case 'maximum':
      return outside(column, '<=', test.bound, type)
    case 'exclusiveMaximum':
      return outside(column, '<', test.bound, type)
    case 'minLength':
      return `length(CAST(${column} AS VARCHAR)) < ${test.length}`
    case 'maxLength':
      return `length(CAST(${column} AS VARCHAR)) > ${test.length}`
    case 'multipleOf':
      return divides(column, test.divisor, type)
    case 'pattern':
      return `NOT regexp_matches(CAST(${column} AS VARCHAR), ${literal(test.pattern)})`
    case 'validValues':
      return `NOT coalesce(${column} IN (${test.values.map((value) => typed(String(value), type)).join(', ')}), false)`
    case 'forbiddenValues':
      return `coalesce(${column} IN (${test.values.map((value) => typed(String(value), type)).join(', ')}), false)`
  }
}

function outside(column: string, operator: string, bound: number | string, type: string | undefined): string {
  const nan = isFloating(type ?? '') ? ` OR isnan(${column})` : ''
  return `(NOT (${column} ${operator} ${boundary(bound, type)})${nan})`
}

/** A text bound is a moment, or an integer too large for a number. A number is compared as a double only with doubles. */
function boundary(bound: number | string, type: string | undefined): string {
  if (typeof bound === 'string') return /^-?[0-9]+$/.test(bound) ? `CAST(${literal(bound)} AS HUGEINT)` : `CAST(${literal(bound)} AS ${type ?? 'VARCHAR'})`
  return Number.isInteger(bound) ? `CAST(${literal(BigInt(bound).toString())} AS ${isFloating(type ?? '') ? 'DOUBLE' : 'HUGEINT'})` : `CAST(${literal(String(bound))} AS DOUBLE)`
}

/** Doubles are seldom exact multiples: the quotient may be off a whole number by a billionth of itself. */
function divides(column: string, divisor: number, type: string | undefined): string {
  if (Number.isSafeInteger(divisor) && !isFloating(type ?? '') && !type?.startsWith('DECIMAL')) return `${column} % ${divisor} <> 0`
  const quotient = `(CAST(${column} AS DOUBLE) / CAST(${literal(String(divisor))} AS DOUBLE))`
  return `(NOT isfinite(${quotient}) OR abs(${quotient} - round(${quotient})) > 1e-9 * greatest(1, abs(${quotient})))`
}
