import type { ColumnSpec } from '../../domain/signature.ts'
import type { RowShape } from '../protocols/protocol.ts'
import { type JsonSchema, arrayOf, listOf, object } from './json-schema.ts'

type Row = Readonly<Record<string, unknown>>

const { MAX_SAFE_INTEGER: LARGEST } = Number

const VALUES: Readonly<Record<ColumnSpec['type'], { readonly type: string | readonly string[] } & JsonSchema>> = {
  string: { type: 'string' },
  boolean: { type: 'boolean' },
  double: { type: 'number' },
  long: { type: 'integer', minimum: -LARGEST, maximum: LARGEST },
  datetime: { type: ['string', 'number'], format: 'date-time', description: 'RFC 3339, or milliseconds since 1970' },
}

/** A value of the column in JSON; of one that is optional, null too. */
export function valueSchema({ type, required }: ColumnSpec): JsonSchema {
  const schema = VALUES[type]
  return required ? schema : { ...schema, type: [schema.type, 'null'].flat() }
}

export function rowSchema(columns: readonly ColumnSpec[]): JsonSchema {
  return object(Object.fromEntries(columns.map((column) => [column.name, valueSchema(column)])), requiredOf(columns), { description: 'Columns that the model does not know are ignored' })
}

export function valuesSchema(columns: readonly ColumnSpec[]): JsonSchema {
  return listOf(columns.map(valueSchema), { description: `In this order: ${columns.map(({ name }) => name).join(', ')}` })
}

/** The body of `/invocations`; `row` and `values` are a row by name and by order. */
export function invocationsSchema(columns: readonly ColumnSpec[], row: JsonSchema, values: JsonSchema): JsonSchema {
  const split = object(
    { columns: { ...listOf(columns.map(({ name }) => ({ const: name }))), description: 'Those of data; in any order, if they say so' }, index: { type: 'array' }, data: arrayOf(values) },
    ['data'],
    { additionalProperties: false },
  )
  const byColumn = object(Object.fromEntries(columns.map((column) => [column.name, arrayOf(valueSchema(column))])), requiredOf(columns), { description: 'Of each column a list with a value for each row' })
  const forms = { dataframe_split: split, dataframe_records: arrayOf(row), instances: instancesSchema(row, values), inputs: { anyOf: [byColumn, arrayOf(row)] } }
  return { oneOf: Object.entries(forms).map(([form, schema]) => object({ [form]: schema, params: { type: ['object', 'null'] } }, [form], { title: form })) }
}

export function predictSchema(row: JsonSchema, values: JsonSchema): JsonSchema {
  return object({ instances: instancesSchema(row, values) }, ['instances'])
}

function instancesSchema(row: JsonSchema, values: JsonSchema): JsonSchema {
  return arrayOf({ anyOf: [row, values] })
}

/** A model of other outputs than scores answers them by their names, in records where each has a row for each row asked. */
export function predictionsSchema({ kind, answers }: Pick<RowShape, 'kind' | 'answers'>): JsonSchema {
  if (kind === 'other') return object({ predictions: { type: ['array', 'object'], description: `By name: ${answers.map(({ name }) => name).join(', ')}` } }, ['predictions'])
  const label = { type: answers[0]?.datatype === 'BYTES' ? 'string' : 'integer' }
  const prediction = kind === 'classifier' ? object({ label, probability: { type: 'number', minimum: 0, maximum: 1 } }, ['label', 'probability']) : { type: 'number' }
  return object({ predictions: arrayOf(prediction) }, ['predictions'])
}

/** The row, once in each form of `/invocations`. */
export function invocationsExamples(columns: readonly ColumnSpec[], row: Row): Readonly<Record<string, unknown>> {
  const present = columns.filter(({ name }) => isGiven(row[name]))
  const named = Object.fromEntries(present.map(({ name }) => [name, row[name]]))
  return {
    dataframe_split: { dataframe_split: { columns: present.map(({ name }) => name), data: [present.map(({ name }) => row[name])] } },
    dataframe_records: { dataframe_records: [named] },
    instances: { instances: [named] },
    inputs: { inputs: Object.fromEntries(present.map(({ name }) => [name, [row[name]]])) },
  }
}

export function predictExample(columns: readonly ColumnSpec[], row: Row): unknown {
  return { instances: [Object.fromEntries(columns.flatMap(({ name }) => (isGiven(row[name]) ? [[name, row[name]]] : [])))] }
}

/** A header and a line; null for a row that CSV cannot hold, since an empty field is no text but nothing. */
export function csvExample(columns: readonly ColumnSpec[], row: Row): string | null {
  const present = columns.filter(({ name }) => isGiven(row[name]))
  const fields = present.map(({ name, type }) => (type === 'datetime' ? momentText(row[name]) : String(row[name])))
  if (fields.includes('') || present.length === 0) return null
  return [present.map(({ name }) => name), fields].map((line) => `${line.map(quoted).join(',')}\n`).join('')
}

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field
}

/** As text, where the row may have milliseconds. */
export function momentText(value: unknown): string {
  return typeof value === 'number' ? new Date(value).toISOString() : String(value)
}

export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

function requiredOf(columns: readonly ColumnSpec[]): readonly string[] {
  return columns.filter(({ required }) => required).map(({ name }) => name)
}
