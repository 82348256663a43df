/** A row whose values JSON can hold: moments as RFC 3339, whole numbers beyond 2^53 and non-finite ones as text. */
export type Row = Readonly<Record<string, unknown>>

export function plainRow(row: Record<string, unknown>): Row {
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, plain(value)]))
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) return Object.getPrototypeOf(value) === Object.prototype ? plainRow({ ...value }) : String(value)
  return value
}
