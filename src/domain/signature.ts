import { MillraceError } from '../platform/errors/index.ts'
import { COLUMN_TYPES, type ColumnType } from './column-type.ts'
import { timeOf } from './moment.ts'

export interface ColumnSpec {
  readonly name: string
  readonly type: ColumnType
  readonly required: boolean
}

/** A model's signature: what a row must hold to be predicted, and what comes out. */
export interface Signature {
  readonly inputs: readonly ColumnSpec[]
  readonly outputs: readonly ColumnSpec[]
}

/** What is wrong with one field: `missing`, `wrong type` or `not finite` are told apart so that a client can tell its user. */
export interface FieldProblem {
  readonly column: string
  readonly problem: 'missing' | 'wrong type' | 'not finite'
  readonly expected: ColumnType
  readonly found: string
}

/**
 * The problems of one raw row, none for a good one. An optional column may be absent or null; a required one may be neither. Columns
 * that the signature does not know are ignored, as MLflow does.
 */
export type RowValidator = (row: Readonly<Record<string, unknown>>) => readonly FieldProblem[]

const NONE: readonly FieldProblem[] = []

/** Made once per model: a good row costs one look at each column and no allocation. */
export function compileSignature(columns: readonly ColumnSpec[]): RowValidator {
  const names = columns.map((column) => column.name)
  const accepts = columns.map((column) => ACCEPTS[column.type])
  const required = columns.map((column) => column.required)
  return (row) => {
    let problems: FieldProblem[] | undefined
    for (let i = 0; i < names.length; i++) {
      const value = row[names[i]!]
      if (value === undefined || value === null ? !required[i] : accepts[i]!(value)) continue
      problems ??= []
      problems.push(describe(columns[i]!, value))
    }
    return problems ?? NONE
  }
}

/** Fields at fault, and columns that nobody asked for, that a message names. */
const TOLD = 8
const UNASKED_TOLD = 4
const LONGEST_NAME = 60

/**
 * INPUT_INVALID naming the row and the fields at fault, and where one is missing some of the columns that came and nobody asked for: `known` are those that somebody does. `details` holds
 * all problems.
 */
export function refuseRow(problems: readonly FieldProblem[], row: number, given: Readonly<Record<string, unknown>> = {}, known: readonly string[] = []): MillraceError {
  const told = problems.slice(0, TOLD).map(({ column, problem, expected, found }) =>
    problem === 'missing' ? `${short(column)} is missing, expected a ${expected}` : `${short(column)}: found ${found}, expected a ${problem === 'not finite' ? 'finite ' : ''}${expected}`,
  )
  if (problems.length > TOLD) told.push(`and ${problems.length - TOLD} more`)
  if (problems.some(({ problem }) => problem === 'missing')) {
    const asked = new Set(known)
    const unasked = Object.keys(given).filter((name) => !asked.has(name))
    if (unasked.length > 0) told.push(`found ${someOf(unasked, UNASKED_TOLD)}`)
  }
  return new MillraceError('INPUT_INVALID', `row ${row}: ${told.join('; ')}`, { details: { row, problems } })
}

/** The first of the names, shortened, as a message lists them. */
export function someOf(names: readonly string[], most = TOLD): string {
  const told = names.slice(0, most).map(short).join(', ')
  return names.length > most ? `${told} … (${names.length} in all)` : told
}

function short(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name
}

const ACCEPTS: Readonly<Record<ColumnType, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  long: (value) => typeof value === 'number' && Number.isSafeInteger(value),
  double: (value) => typeof value === 'number' && Number.isFinite(value),
  boolean: (value) => typeof value === 'boolean',
  datetime: (value) => typeof value !== 'number' ? Number.isFinite(timeOf(value)) : Number.isFinite(value),
}

function describe(column: ColumnSpec, value: unknown): FieldProblem {
  const base = { column: column.name, expected: column.type }
  if (value === undefined || value === null) return { ...base, problem: 'missing', found: value === null ? 'null' : 'nothing' }
  if (typeof value === 'number' && !Number.isFinite(value)) return { ...base, problem: 'not finite', found: String(value) }
  const text = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? typeof value)
  return { ...base, problem: 'wrong type', found: text.length > 60 ? `${text.slice(0, 60)}…` : text }
}

/** The `signature` of an MLmodel file, whose parts MLflow writes as JSON inside YAML. */
export function signatureToMlflow(signature: Signature): { readonly inputs: string; readonly outputs: string; readonly params: null } {
  return { inputs: JSON.stringify(signature.inputs.map(toMlflow)), outputs: JSON.stringify(signature.outputs.map(toMlflow)), params: null }
}

function toMlflow({ name, type, required }: ColumnSpec): object {
  return { type, name, required }
}

/** Reads what `signatureToMlflow`, or MLflow itself, wrote. INPUT_INVALID for types that a JSON row cannot hold; integer and float widen. */
export function signatureFromMlflow(written: { readonly inputs: string; readonly outputs?: string | null }, where = 'MLmodel'): Signature {
  return { inputs: columnsFrom(written.inputs, `${where}: signature.inputs`), outputs: written.outputs ? columnsFrom(written.outputs, `${where}: signature.outputs`) : [] }
}

const WIDER: Readonly<Record<string, ColumnType>> = { integer: 'long', float: 'double' }

function columnsFrom(json: string, where: string): ColumnSpec[] {
  const refuse = (what: string) => new MillraceError('INPUT_INVALID', `${where}: ${what}`)
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch (error) {
    throw new MillraceError('INPUT_INVALID', `${where}: is no JSON`, { cause: error })
  }
  if (!Array.isArray(parsed)) throw refuse('expected a list of columns')
  return parsed.map((column: unknown, i) => {
    if (typeof column !== 'object' || column === null || !('type' in column) || !('name' in column)) throw refuse(`column ${i}: expected {name, type}`)
    const { name, type } = column
    const known = COLUMN_TYPES.find((candidate) => candidate === type) ?? (typeof type === 'string' ? WIDER[type] : undefined)
    if (typeof name !== 'string' || known === undefined) {
      throw refuse(`column ${i} (${String(name)}): found type ${JSON.stringify(type)}, expected one of ${COLUMN_TYPES.join(', ')}`)
    }
    return { name, type: known, required: !('required' in column) || column.required !== false }
  })
}
