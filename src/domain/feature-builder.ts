import { fullFeatureName, type FeatureSpec } from './feature-spec.ts'
import { momentOf } from './moment.ts'
import { transformNamed, type Transform } from './transforms.ts'

/** Values of the store in the order of `spec.online`; undefined where the store had no answer in time. */
export type OnlineValues = readonly (number | string | boolean | null | undefined)[]

type Row = Readonly<Record<string, unknown>>

/** A specification made ready to run: raw rows (serving) or columns (training) in, the model's inputs out. */
export interface FeatureBuilder {
  readonly numeric: readonly string[]
  readonly categorical: readonly string[]
  /** Must the store be asked for this row? Not where the row brings every feature itself. */
  needsLookup(row: Row): boolean
  /** The moment of prediction in milliseconds, NaN where the row does not tell. */
  momentOf(row: Row): number
  /**
   * Writes the row's numeric inputs at `numeric[at …]` and its categorical ones at `categorical[categoricalAt …]`; a missing category is ''.
   * Returns the features of the store (`view:feature`) that neither the row nor `online` had.
   */
  build(row: Row, online: OnlineValues | undefined, numeric: Float32Array | Float64Array, at: number, categorical: string[], categoricalAt: number): readonly string[]
  /** The same for a table: columns by raw name or full feature name, NaN or null where missing. */
  buildColumns(table: FeatureTable): { readonly numeric: readonly Float32Array[]; readonly categorical: readonly (readonly (string | null)[])[] }
}

export interface FeatureTable {
  readonly rows: number
  numbers(column: string): Float64Array
  strings(column: string): readonly (string | null)[]
}

const NOTHING: readonly string[] = []

export function compileFeatures(spec: FeatureSpec): FeatureBuilder {
  const full = spec.online.map(fullFeatureName)
  const numeric = spec.numeric.map((input) => ({ read: input.of.map(reader), apply: applyOf(input.transform), fill: input.fill ?? Number.NaN }))
  const categorical = spec.categorical.map((input) => reader(input.of[0]!))
  const numericCount = numeric.length

  function reader(column: string): (row: Row, online: OnlineValues | undefined) => unknown {
    const position = spec.online.indexOf(column)
    if (position < 0) return (row) => row[column]
    const name = full[position]!
    return (row, online) => row[name] ?? online?.[position]
  }

  return {
    numeric: spec.numeric.map((input) => input.name),
    categorical: spec.categorical.map((input) => input.name),
    needsLookup: (row) => full.some((name) => row[name] === undefined),
    momentOf: (row) => momentOf(spec.moment, row),
    build(row, online, numbers, at, strings, stringsAt) {
      for (let i = 0; i < numericCount; i++) {
        const { read, apply, fill } = numeric[i]!
        const a = toNumber(read[0]!(row, online))
        const b = read.length > 1 ? toNumber(read[1]!(row, online)) : 0
        const c = read.length > 2 ? toNumber(read[2]!(row, online)) : 0
        const value = apply(a, b, c)
        numbers[at + i] = value === value ? value : fill
      }
      for (let i = 0; i < categorical.length; i++) strings[stringsAt + i] = toCategory(categorical[i]!(row, online)) ?? ''
      return missingFeatures(row, online)
    },
    buildColumns(table) {
      return {
        numeric: spec.numeric.map((input, i) => {
          const [a, b, c] = input.of.map((column) => table.numbers(tableColumn(column)))
          const { apply, fill } = numeric[i]!
          const values = new Float32Array(table.rows)
          for (let row = 0; row < table.rows; row++) {
            const value = apply(a![row]!, b === undefined ? 0 : b[row]!, c === undefined ? 0 : c[row]!)
            values[row] = value === value ? value : fill
          }
          return values
        }),
        categorical: spec.categorical.map((input) => table.strings(tableColumn(input.of[0]!))),
      }
    },
  }

  function tableColumn(column: string): string {
    return spec.online.includes(column) ? fullFeatureName(column) : column
  }

  function missingFeatures(row: Row, online: OnlineValues | undefined): readonly string[] {
    let missing: string[] | undefined
    for (let i = 0; i < full.length; i++) {
      // A null is an answer: the store knows that there is no value. Only silence is missing.
      if (row[full[i]!] === undefined && online?.[i] === undefined) (missing ??= []).push(spec.online[i]!)
    }
    return missing ?? NOTHING
  }
}

function applyOf(name: string): Transform['apply'] {
  const transform = transformNamed(name)
  if (transform === undefined) throw new RangeError(`no transformation ${name}: the specification was not parsed`)
  return transform.apply
}

function toNumber(value: unknown): number {
  if (typeof value === 'number') return value
  return typeof value === 'boolean' ? Number(value) : Number.NaN
}

function toCategory(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}
