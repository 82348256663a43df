import { MillraceError } from '../../platform/errors/index.ts'

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** As a message goes on after the name of a value. */
export function describeType(value: unknown): string {
  if (value === undefined) return 'missing'
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

export function badRequest(message: string): MillraceError {
  return new MillraceError('BAD_REQUEST', message)
}

/** Setting this name on a row would set its prototype, and the value would be gone. (A row without a prototype costs three times as much to fill.) */
export function refuseProto(names: readonly string[]): void {
  if (names.includes('__proto__')) throw badRequest('a column cannot be called __proto__')
}

/** Rows from columns of equal length. */
export function rowsFromColumns(columns: readonly (readonly [string, readonly unknown[]])[]): Record<string, unknown>[] {
  refuseProto(columns.map(([name]) => name))
  const rows: Record<string, unknown>[] = []
  const length = columns[0]?.[1].length ?? 0
  for (let i = 0; i < length; i++) {
    const row: Record<string, unknown> = {}
    for (const [name, values] of columns) row[name] = values[i]
    rows.push(row)
  }
  return rows
}
