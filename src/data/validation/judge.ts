import { columnsOf, countsRows, describeMeasure, describeSeconds, describeThreshold, meets, type Check, type CheckResult } from '../../domain/contract/index.ts'
import { describeState, type Layout } from './layout.ts'
import type { Measured } from './measure.ts'

/** Why a check cannot be made on these data, where another check reports that already; else undefined. */
export function skipReason(check: Check, layout: Layout): string | undefined {
  const { measure } = check
  if (measure.kind === 'missingColumn') return undefined
  const states = layout.columns.filter((state) => columnsOf(measure).includes(state.column.name))
  // A type can be judged wherever the column is, and a repetition whatever the type.
  const typeMatters = measure.kind !== 'wrongType' && measure.kind !== 'duplicateValues'
  const lacking = states.find((state) => state.type === undefined || (typeMatters && state.unusable))
  if (lacking !== undefined) return describeState(lacking)
  if (measure.kind !== 'failedRows' && measure.kind !== 'query') return undefined
  const sql = measure.kind === 'query' ? measure.sql : measure.expression
  const named = layout.columns.find((state) => state.unusable && new RegExp(`\\b${RegExp.escape(state.column.name)}\\b`).test(sql))
  return named && describeState(named)
}

export function skipped(check: Check, reason: string): CheckResult {
  return { ...base(check), result: 'skipped', reason, value: null, count: 0, share: 0 }
}

/** The verdict on one check. Sample rows are added by the caller. */
export function judge(check: Check, measured: Measured, layout: Layout): CheckResult {
  if ('error' in measured) return { ...base(check), result: 'error', reason: measured.error, value: null, count: 0, share: 0 }
  const { rows } = layout
  const byRow = countsRows(check.measure.kind)
  const found = measured.value
  const value = found !== null && check.unit === 'percent' && byRow ? percent(found, rows) : found
  const passed = value !== null && meets(check.threshold, value)
  const count = byRow ? (found ?? 0) : passed ? 0 : rows
  return {
    ...base(check),
    result: passed ? 'passed' : check.severity === 'warning' ? 'warning' : 'failed',
    ...(passed ? {} : { reason: reasonOf(check, value, layout) }),
    value,
    count,
    share: rows === 0 ? 0 : round(count / rows),
  }
}

function base(check: Check): Omit<CheckResult, 'result' | 'value' | 'count' | 'share'> {
  const { rule, category, type, measure, table, dimension, severity, description, qualityId, tags } = check
  const threshold = thresholdOf(check)
  return {
    rule, category, type, metric: measure.kind, name: describeMeasure(measure),
    ...(description === undefined ? {} : { description }),
    table,
    ...('column' in measure ? { column: measure.column } : {}),
    ...('columns' in measure ? { columns: measure.columns } : {}),
    unit: unitOf(check), threshold, dimension, severity,
    ...(qualityId === undefined ? {} : { qualityId }),
    ...(tags.length === 0 ? {} : { tags }),
    failedSamples: [],
  }
}

function unitOf(check: Check): CheckResult['unit'] {
  const { kind } = check.measure
  if (kind === 'age' || kind === 'gap') return 'seconds'
  if (kind === 'rowCount') return 'rows'
  return countsRows(kind) ? check.unit : 'value'
}

function thresholdOf(check: Check): string {
  switch (unitOf(check)) {
    case 'seconds':
      return describeThreshold(check.threshold, describeSeconds)
    case 'percent':
      return `${describeThreshold(check.threshold)} % of rows`
    case 'rows':
      return `${describeThreshold(check.threshold)} rows`
    case 'value':
      return describeThreshold(check.threshold)
  }
}

function reasonOf(check: Check, value: number | null, layout: Layout): string {
  const { measure } = check
  if (value === null) return 'there is no value to measure'
  if (measure.kind === 'missingColumn' || measure.kind === 'wrongType') {
    const state = layout.columns.find((one) => one.column.name === measure.column)
    const known = state === undefined ? '' : describeState(state)
    return known || `${value} rows hold text that is of another type`
  }
  if (measure.kind === 'otherColumns') return `not in the contract: ${[...layout.others.keys()].join(', ')}`
  return `found ${shown(check, value)}, expected ${thresholdOf(check)}`
}

function shown(check: Check, value: number): string {
  switch (unitOf(check)) {
    case 'seconds':
      return describeSeconds(value)
    case 'percent':
      return `${round(value)} %`
    default:
      return String(value)
  }
}

function percent(count: number, rows: number): number {
  return rows === 0 ? 0 : (100 * count) / rows
}

/** Six digits are enough for any share; more would only be noise in the report. */
function round(value: number): number {
  return Number(value.toPrecision(6))
}
