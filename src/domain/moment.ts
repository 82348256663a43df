import { MillraceError } from '../platform/errors/index.ts'

/**
 * A moment told by a row: the time in `column`, plus the minutes that stand in other columns of the row, plus a constant.
 * `time_hour + minute − 1 h` is `{column: 'time_hour', plusMinutes: ['minute'], offsetMinutes: -60}`.
 * A row in which any of these is missing has no moment.
 */
export interface MomentExpression {
  readonly column: string
  readonly plusMinutes: readonly string[]
  readonly offsetMinutes: number
}

export function momentColumns(expression: MomentExpression): readonly string[] {
  return [expression.column, ...expression.plusMinutes]
}

/** Milliseconds since 1970, or NaN where the row has no moment. */
export function momentOf(expression: MomentExpression, row: Readonly<Record<string, unknown>>): number {
  let minutes = expression.offsetMinutes
  for (const column of expression.plusMinutes) {
    const value = row[column]
    if (typeof value !== 'number') return Number.NaN
    minutes += value
  }
  return timeOf(row[expression.column]) + minutes * 60_000
}

/** RFC 3339, or ISO 8601 without a zone, which is read as UTC on every machine; or milliseconds since 1970. NaN for anything else. */
export function timeOf(value: unknown): number {
  if (typeof value === 'number') return value
  if (value instanceof Date) return value.getTime()
  if (typeof value !== 'string') return Number.NaN
  const match = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i.exec(value)
  if (match === null) return Number.NaN
  // A date alone is UTC in ECMAScript; a date with a time and no zone would be local.
  if (value.length === 10) return Date.parse(value)
  const zone = match[1]
  if (zone === undefined) return Date.parse(`${value}Z`)
  return Date.parse(/^[+-]\d\d$/.test(zone) ? `${value}:00` : value)
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of `90s`, `30m`, `-1h`, `14d`; FEATURES_INVALID otherwise, its message starting with `where`. */
export function parseDuration(text: string, where: string): number {
  const match = /^(-?\d+)(s|m|h|d)$/.exec(text)
  if (match === null) throw new MillraceError('FEATURES_INVALID', `${where}: found ${JSON.stringify(text)}, expected a duration such as 30m, 2h or 14d`)
  return Number(match[1]) * UNITS[match[2]!]!
}
