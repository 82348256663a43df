import { MillraceError } from '../../platform/errors/index.ts'

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function describeType(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

export function badRequest(message: string): MillraceError {
  return new MillraceError('BAD_REQUEST', message)
}

/** Rows from columns of equal length. */
export function rowsFromColumns(columns: readonly (readonly [string, readonly unknown[]])[]): Record<string, unknown>[] {
  const rows: Record<string, unknown>[] = []
  const length = columns[0]?.[1].length ?? 0
  for (let i = 0; i < length; i++) {
    // Without a prototype: a column may be called __proto__.
    const row: Record<string, unknown> = Object.create(null)
    for (const [name, values] of columns) row[name] = values[i]
    rows.push(row)
  }
  return rows
}
