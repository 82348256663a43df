import type { Check, CheckCategory, Dimension, Measure, ValueTest } from './checks.ts'
import type { Column } from './contract.ts'
import { NONE } from './threshold.ts'

/** What the schema part of ODCS says about a column beyond its name and type. */
export interface ColumnDemands {
  readonly required: boolean
  readonly unique: boolean
  readonly tests: readonly ValueTest[]
}

/** The checks that the schema itself asks for: presence, type, `required`, `unique` and each `logicalTypeOptions`. */
export function columnChecks(table: string, column: Column, demands: ColumnDemands): readonly Check[] {
  const { name } = column
  const make = (type: string, dimension: Dimension, measure: Measure): Check => schemaCheck(`${name}.${type}`, table, type, dimension, measure)
  return [
    make('present', 'conformity', { kind: 'missingColumn', column: name }),
    ...(column.logicalType !== undefined || column.physicalType !== undefined
      ? [make('type', 'conformity', { kind: 'wrongType', column: name })]
      : []),
    ...(demands.required || column.partOfKey ? [make('required', 'completeness', { kind: 'nullValues', column: name })] : []),
    ...(demands.unique ? [make('unique', 'uniqueness', { kind: 'duplicateValues', columns: [name] })] : []),
    ...demands.tests.map((test) =>
      make(test.test === 'pattern' && test.format !== undefined ? 'format' : test.test, 'conformity', {
        kind: 'invalidValues',
        column: name,
        tests: [test],
      }),
    ),
  ]
}

/** Uniqueness of the primary key as a whole; its columns are not unique one by one. */
export function keyCheck(table: string, key: readonly string[]): Check {
  return schemaCheck(`${table}.primaryKey`, table, 'primaryKey', 'uniqueness', { kind: 'duplicateValues', columns: key })
}

function schemaCheck(rule: string, table: string, type: string, dimension: Dimension, measure: Measure): Check {
  const category: CheckCategory = 'schema'
  return { rule, category, type, table, measure, threshold: NONE, unit: 'rows', dimension, severity: 'error', tags: [] }
}

/** A second check of one name becomes `name#2`, so that a rule's name means one rule. */
export function withUniqueRules(checks: readonly Check[]): readonly Check[] {
  const seen = new Map<string, number>()
  return checks.map((check) => {
    const times = (seen.get(check.rule) ?? 0) + 1
    seen.set(check.rule, times)
    return times === 1 ? check : { ...check, rule: `${check.rule}#${times}` }
  })
}
