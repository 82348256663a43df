import { PERIOD_UNITS, secondsPerUnit, type Check, type Measure } from '../../../domain/contract/index.ts'
import { type Fields, show } from './fields.ts'
import type { Scope } from './quality.ts'

/** The synonyms of the standard; `freshness` is what `latency` was called before. */
const PROPERTIES: Readonly<Record<string, 'latency' | 'frequency'>> = { latency: 'latency', ly: 'latency', freshness: 'latency', frequency: 'frequency', fy: 'frequency' }

/** One entry of `slaProperties`. `latency` and `frequency` of a column are checks; the rest is a promise that data cannot break. */
export function readServiceLevel(fields: Fields, scopes: readonly Scope[]): Check | undefined {
  fields.documentary('id', 'valueExt', 'driver', 'description', 'scheduler', 'schedule')
  const property = fields.requireString('property')
  const value = fields.scalar('value')
  const unit = fields.string('unit')
  const element = fields.string('element')
  fields.finish()
  if (property === undefined) return undefined
  const kind = PROPERTIES[property.toLowerCase()]
  if (kind === undefined) {
    fields.warn('property', `is not checked: ${show(property)}; checked are latency and frequency`)
    return undefined
  }
  if (typeof value !== 'number' || value <= 0) return fields.error('value', `expected a number above 0, found ${show(value ?? null)}`)
  const seconds = secondsPerUnit(unit ?? 'd')
  if (seconds === undefined) return fields.error('unit', `expected one of ${PERIOD_UNITS.join(', ')}; found ${show(unit)}`)
  const target = readElement(fields, element, scopes)
  if (target === undefined) return undefined
  const { scope, column } = target
  const measure: Measure = kind === 'latency' ? { kind: 'age', column } : { kind: 'gap', column }
  return {
    rule: `${column}.${kind}`, category: 'servicelevel', type: kind, table: scope.table, measure,
    threshold: { operator: 'mustBeLessOrEqualTo', value: value * seconds }, unit: 'rows', dimension: 'timeliness', severity: 'error', tags: [],
  }
}

/** `table.column`, or `column` alone where the contract has one table. */
function readElement(fields: Fields, element: string | undefined, scopes: readonly Scope[]): { scope: Scope; column: string } | undefined {
  if (element === undefined) return fields.error('element', 'is required here and missing; expected table.column')
  const parts = element.split('.')
  const [only] = scopes
  const scope = parts.length === 1 && scopes.length === 1 ? only : scopes.find((one) => one.table === parts[0])
  if (scope === undefined || parts.length > 2) return fields.error('element', `expected table.column of one of ${scopes.map((one) => one.table).join(', ')}; found ${show(element)}`)
  const name = parts.at(-1) ?? ''
  const column = scope.physical.get(name)
  return column === undefined ? fields.error('element', `${scope.table} has no property ${show(name)}`) : { scope, column }
}
