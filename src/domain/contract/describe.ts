import type { Measure, Scalar, ValueTest } from './checks.ts'

const SHOWN = 8

/** What a measure counts, in words that end a sentence about the data: `origin not one of EWR, JFK, LGA`. */
export function describeMeasure(measure: Measure): string {
  switch (measure.kind) {
    case 'nullValues':
      return `${measure.column} is null`
    case 'missingValues':
      return `${measure.column} is missing (${list([...(measure.nullIsMissing ? ['null'] : []), ...measure.values])})`
    case 'invalidValues':
      return measure.tests.map((test) => `${measure.column} ${describeBreach(test)}`).join(' or ')
    case 'duplicateValues':
      return `(${measure.columns.join(', ')}) repeated`
    case 'failedRows':
      return `not (${measure.expression.trim().replaceAll(/\s+/g, ' ')})`
    case 'missingColumn':
      return `column ${measure.column} absent`
    case 'wrongType':
      return `${measure.column} of another type`
    case 'otherColumns':
      return 'columns that the contract does not name'
    case 'rowCount':
      return 'rows'
    case 'statistic':
      return measure.quantile === undefined ? `${measure.statistic} of ${measure.column}` : `quantile ${measure.quantile} of ${measure.column}`
    case 'query':
      return `result of ${measure.sql.trim().replaceAll(/\s+/g, ' ')}`
    case 'age':
      return `age of the newest ${measure.column}`
    case 'gap':
      return `longest gap in ${measure.column}`
  }
}

function describeBreach(test: ValueTest): string {
  switch (test.test) {
    case 'minimum':
      return `< ${test.bound}`
    case 'maximum':
      return `> ${test.bound}`
    case 'exclusiveMinimum':
      return `≤ ${test.bound}`
    case 'exclusiveMaximum':
      return `≥ ${test.bound}`
    case 'minLength':
      return `shorter than ${test.length}`
    case 'maxLength':
      return `longer than ${test.length}`
    case 'multipleOf':
      return `no multiple of ${test.divisor}`
    case 'pattern':
      return test.format === undefined ? `not like /${test.pattern}/` : `no ${test.format}`
    case 'validValues':
      return `not one of ${list(test.values)}`
    case 'forbiddenValues':
      return `one of ${list(test.values)}`
  }
}

function list(values: readonly Scalar[]): string {
  const shown = values.slice(0, SHOWN).map((value) => (value === '' ? '""' : String(value)))
  return values.length > SHOWN ? `${shown.join(', ')} … (${values.length})` : shown.join(', ')
}
