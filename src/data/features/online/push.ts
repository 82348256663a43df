import { createHash } from 'node:crypto'
import type { PushRequest } from '../../../api/features.ts'
import type { Scalar } from '../../../api/serving.ts'
import { timeOf } from '../../../domain/moment.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import type { OnlineRow } from './store.ts'
import type { OnlineView } from './view.ts'

export interface PushedRows {
  readonly rows: readonly OnlineRow[]
  /** Rows that are no event: what would tell their moment is null. */
  readonly undated: number
}

/**
 * The rows of a push, as the store keeps them. Throws BAD_REQUEST naming column and row for what is not as the view says: columns of unequal length, a
 * missing join key or time, a moment that is none.
 */
export function pushedRows(view: OnlineView, { df, event_timestamp_column: timeColumn, row_key_column: keyColumn }: PushRequest): PushedRows {
  const needed = [view.joinKey, ...(timeColumn === undefined ? view.timeColumns : [timeColumn]), ...(keyColumn === undefined ? [] : [keyColumn])]
  for (const column of needed) {
    if (df[column] === undefined) throw new MillraceError('BAD_REQUEST', `df: column ${column} is missing; ${view.name} needs ${needed.join(', ')}`)
  }
  const columns = Object.entries(df).sort(([a], [b]) => (a < b ? -1 : 1))
  const count = columns[0]?.[1].length ?? 0
  for (const [column, values] of columns) {
    if (values.length !== count) throw new MillraceError('BAD_REQUEST', `df: column ${column} has ${values.length} rows, ${columns[0]?.[0]} has ${count}`)
  }
  const rows: OnlineRow[] = []
  const alike = new Map<string, number>()
  for (let index = 0; index < count; index++) {
    const row: Record<string, Scalar> = {}
    for (const [column, values] of columns) row[column] = values[index] ?? null
    const time = timeColumn === undefined ? view.timeOf(row) : timeOf(row[timeColumn])
    if (Number.isNaN(time)) {
      refuseUnreadable(view, row, index, timeColumn)
      continue
    }
    const key = row[view.joinKey] ?? null
    if (key === null) throw new MillraceError('BAD_REQUEST', `df: ${view.joinKey} of row ${index} is null, expected a value of ${view.entity}`)
    const values: Record<string, Scalar> = {}
    for (const column of view.columns) values[column] = fitting(view, column, row[column] ?? null, index)
    rows.push({ entity: String(key), time, rowKey: rowKey(view, row, keyColumn, alike), values })
  }
  return { rows, undated: count - rows.length }
}

function fitting(view: OnlineView, column: string, value: Scalar, index: number): Scalar {
  const type = view.types.get(column)
  if (value === null || type === undefined || typeof value === type) return value
  throw new MillraceError('BAD_REQUEST', `df: ${column} of row ${index}: found ${JSON.stringify(value)}, expected a ${type}`)
}

/** Null means "it did not happen"; a text that is no time is a mistake. */
function refuseUnreadable(view: OnlineView, row: Readonly<Record<string, Scalar>>, index: number, timeColumn: string | undefined): void {
  const columns = timeColumn === undefined ? view.timeColumns : [timeColumn]
  if (columns.some((column) => (row[column] ?? null) === null)) return
  const found = columns.map((column) => `${column} = ${JSON.stringify(row[column])}`).join(', ')
  throw new MillraceError('BAD_REQUEST', `df: row ${index} has no moment: found ${found}, expected RFC 3339 or milliseconds`)
}

/**
 * Tells events of one entity and moment apart. Without a key column an event is its whole row, and equal rows of one push are counted: the same push again
 * changes nothing. A corrected event needs a key column, since it differs from the row that it corrects.
 */
function rowKey(view: OnlineView, row: Readonly<Record<string, Scalar>>, keyColumn: string | undefined, alike: Map<string, number>): string {
  if (view.kind === 'latest') return ''
  if (keyColumn !== undefined) return String(row[keyColumn])
  const whole = createHash('sha256').update(JSON.stringify(row)).digest('base64url').slice(0, 22)
  const before = alike.get(whole) ?? 0
  alike.set(whole, before + 1)
  return before === 0 ? whole : `${whole}.${before}`
}
