import type { LogicalType, ValueTest } from '../../../domain/contract/index.ts'
import { type Fields, show } from './fields.ts'
import { readPattern, STRING_FORMATS } from './pattern.ts'

interface Options {
  readonly tests: readonly ValueTest[]
  readonly timezone?: boolean
}

const BOUNDS = ['minimum', 'exclusiveMinimum', 'maximum', 'exclusiveMaximum'] as const

/** `logicalTypeOptions`: which keys there may be depends on the logical type. */
export function readOptions(property: Fields, logicalType: LogicalType | undefined): Options {
  const fields = property.fields('logicalTypeOptions')
  if (fields === undefined) return { tests: [] }
  if (logicalType === undefined) {
    if (!property.has('logicalType')) property.error('logicalTypeOptions', 'needs a logicalType beside it')
    return { tests: [] }
  }
  const options = READERS[logicalType](fields, logicalType)
  fields.finish()
  return options
}

const READERS: Readonly<Record<LogicalType, (fields: Fields, type: LogicalType) => Options>> = {
  string: readStringOptions,
  integer: readNumberOptions,
  number: readNumberOptions,
  date: readTimeOptions,
  time: readTimeOptions,
  timestamp: readTimeOptions,
  boolean: () => ({ tests: [] }),
  object: (fields) => {
    fields.unchecked('nested data is checked for its outer type only', 'maxProperties', 'minProperties', 'required')
    return { tests: [] }
  },
  array: (fields) => {
    fields.unchecked('nested data is checked for its outer type only', 'maxItems', 'minItems', 'uniqueItems')
    return { tests: [] }
  },
}

function readStringOptions(fields: Fields): Options {
  const tests: ValueTest[] = []
  for (const test of ['minLength', 'maxLength'] as const) {
    const length = fields.wholeNumber(test, 0)
    if (length !== undefined) tests.push({ test, length })
  }
  const pattern = readPattern(fields, 'pattern')
  if (pattern !== undefined) tests.push({ test: 'pattern', pattern })
  const format = fields.string('format')
  if (format !== undefined) {
    const known = STRING_FORMATS[format]
    if (known === undefined) fields.warn('format', `is not checked: ${show(format)}; checked are ${Object.keys(STRING_FORMATS).join(', ')}`)
    else tests.push({ test: 'pattern', pattern: known, format })
  }
  return { tests }
}

const INTEGER_FORMAT = /^([iu])(8|16|32|64)$/

function readNumberOptions(fields: Fields, type: LogicalType): Options {
  const tests: ValueTest[] = []
  for (const test of BOUNDS) {
    const bound = fields.number(test)
    if (bound !== undefined) tests.push({ test, bound })
  }
  const divisor = fields.number('multipleOf')
  if (divisor !== undefined) {
    if (divisor > 0) tests.push({ test: 'multipleOf', divisor })
    else fields.error('multipleOf', `expected a number above 0, found ${divisor}`)
  }
  const format = fields.string('format')
  const match = INTEGER_FORMAT.exec(format ?? '')
  if (format !== undefined && type === 'integer' && match) tests.push(...integerRange(match[1] === 'i', Number(match[2])))
  else if (format !== undefined) fields.warn('format', `is not checked: ${show(format)}; checked are i8 to i64 and u8 to u64 of integers`)
  return { tests }
}

/** As text, since 2^63 is beyond the numbers that JavaScript can hold. */
function integerRange(signed: boolean, bits: number): readonly ValueTest[] {
  const span = 2n ** BigInt(bits)
  return [
    { test: 'minimum', bound: String(signed ? -(span / 2n) : 0n) },
    { test: 'maximum', bound: String((signed ? span / 2n : span) - 1n) },
  ]
}

function readTimeOptions(fields: Fields, type: LogicalType): Options {
  const tests: ValueTest[] = []
  for (const test of BOUNDS) {
    const bound = fields.string(test)
    if (bound === undefined) continue
    if (isMoment(type, bound)) tests.push({ test, bound })
    else fields.error(test, `expected ${EXAMPLES[type] ?? 'a moment'}, found ${show(bound)}`)
  }
  fields.unchecked('the column has a type of its own; text is read as ISO 8601', 'format')
  if (type === 'date') return { tests }
  fields.unchecked('a moment without a zone is read as UTC', 'defaultTimezone')
  const timezone = fields.boolean('timezone')
  return timezone === undefined ? { tests } : { tests, timezone }
}

const EXAMPLES: Readonly<Record<string, string>> = { date: 'a date such as 2013-01-31', time: 'a time such as 08:30:00', timestamp: 'a moment such as 2013-01-31T08:30:00Z' }

function isMoment(type: LogicalType, text: string): boolean {
  const iso = type === 'time' ? `1970-01-01T${text}` : text
  const shape = type === 'date' ? /^\d{4}-\d{2}-\d{2}$/ : type === 'time' ? /^\d{2}:\d{2}(:\d{2}(\.\d+)?)?$/ : /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/
  return shape.test(text) && !Number.isNaN(Date.parse(iso))
}
