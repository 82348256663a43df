import { DuckDBArrayValue, DuckDBDecimalValue, DuckDBListValue, DuckDBMapValue, DuckDBStructValue, DuckDBTimestampValue, type DuckDBValue } from '@duckdb/node-api'

export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain }

/** A value as JSON can hold it: moments as RFC 3339, whole numbers beyond 2^53 and numbers that are not finite as text. */
export function plain(value: DuckDBValue): Plain {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof DuckDBDecimalValue) return Number(String(value))
  if (value instanceof DuckDBTimestampValue) return moment(String(value))
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map(plain)
  if (value instanceof DuckDBStructValue) return Object.fromEntries(Object.entries(value.entries).map(([key, one]) => [key, plain(one)]))
  if (value instanceof DuckDBMapValue) return Object.fromEntries(value.entries.map(({ key, value: one }) => [String(key), plain(one)]))
  return String(value)
}

/** DuckDB's `2013-04-01 08:00:00.5`; `infinity` stays as it is. */
function moment(text: string): string {
  return /^\d/.test(text) ? `${text.replace(' ', 'T')}Z` : text
}
