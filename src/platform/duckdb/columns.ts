import type { DuckDBVector } from '@duckdb/node-api'
import { MillraceError } from '../errors/index.ts'

/** The rows of a query, column by column. A missing number is NaN, a missing string null. Asking for a column that is not there throws. */
export interface ColumnTable {
  readonly rows: number
  readonly names: readonly string[]
  numbers(column: string): Float64Array
  strings(column: string): readonly (string | null)[]
}

/** Takes one column of a query's chunks in. */
export interface Column {
  add(vector: DuckDBVector, rows: number): void
}

export class NumberColumn implements Column {
  #parts: Float64Array[] = []

  add(vector: DuckDBVector, rows: number): void {
    const part = new Float64Array(rows)
    for (let i = 0; i < rows; i++) {
      const value: unknown = vector.getItem(i)
      part[i] = typeof value === 'number' ? value : Number.NaN
    }
    this.#parts.push(part)
  }

  whole(): Float64Array {
    const whole = new Float64Array(this.#parts.reduce((rows, part) => rows + part.length, 0))
    let at = 0
    for (const part of this.#parts) {
      whole.set(part, at)
      at += part.length
    }
    // Given back before the next column is put together.
    this.#parts = []
    return whole
  }
}

export class StringColumn implements Column {
  readonly values: (string | null)[] = []
  /** One object per distinct text: columns of categories would otherwise hold one per row. */
  readonly #seen = new Map<string, string>()

  add(vector: DuckDBVector, rows: number): void {
    for (let i = 0; i < rows; i++) {
      const value: unknown = vector.getItem(i)
      this.values.push(typeof value === 'string' ? this.#intern(value) : null)
    }
  }

  #intern(value: string): string {
    const known = this.#seen.get(value)
    if (known !== undefined) return known
    if (this.#seen.size < 10_000) this.#seen.set(value, value)
    return value
  }
}

export function tableOf(names: readonly string[], columns: readonly Column[]): ColumnTable {
  const wholes = new Map(names.map((name, i) => [name, columns[i] instanceof NumberColumn ? columns[i].whole() : columns[i]]))
  const absent = (column: string, kind: string) => new MillraceError('DATA_UNREADABLE', `there is no column ${column} of ${kind}; there are ${names.join(', ')}`)
  const [first] = wholes.values()
  const rows = first instanceof Float64Array ? first.length : first instanceof StringColumn ? first.values.length : 0
  return {
    rows,
    names,
    numbers(column) {
      const found = wholes.get(column)
      if (!(found instanceof Float64Array)) throw absent(column, 'numbers')
      return found
    },
    strings(column) {
      const found = wholes.get(column)
      if (!(found instanceof StringColumn)) throw absent(column, 'text')
      return found.values
    },
  }
}
