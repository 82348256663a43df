import type { Kysely } from 'kysely'
import type { Scalar } from '../../api/serving.ts'
import type { Window } from '../../domain/windows.ts'
import { type ColumnList, parseColumnList } from '../inference/column-lists.ts'
import type { MonitorSchema } from '../tables.ts'

/** The model inputs that were answered in a window, by name, with the score of each answer. */
export interface CurrentRows {
  readonly rows: number
  /** Each list is as long as `rows`; null where missing, also where the version that answered did not know the column. */
  readonly columns: ReadonlyMap<string, readonly Scalar[]>
  /** Rows whose request was recorded without its inputs, since it was not in the sample. */
  readonly unrecorded: number
  /** Column → rows in which its deployment masked it. */
  readonly masked: ReadonlyMap<string, number>
  readonly scores: readonly number[]
  /** Version → rows that it answered. */
  readonly versions: ReadonlyMap<string, number>
}

export async function readCurrent(db: Kysely<MonitorSchema>, model: string, window: Window): Promise<CurrentRows> {
  const lists = new Map<number, ColumnList>()
  for (const row of await db.selectFrom('columns').selectAll().execute()) lists.set(row.columns_id, parseColumnList(row.names))
  const found = await db
    .selectFrom('requests as r')
    .innerJoin('inputs as i', 'i.pid', 'r.pid')
    .innerJoin('scores as s', (join) => join.onRef('s.pid', '=', 'r.pid').onRef('s.version', '=', 'r.version').on('s.answered', '=', 1))
    .select(['r.pid', 'r.version', 'i.columns_id', 'i.vals', 's.score'])
    .where('r.model', '=', model)
    .where('r.time', '>=', window.start)
    .where('r.time', '<', window.end)
    .orderBy('r.pid')
    .execute()
  const columns = new Map<string, Scalar[]>()
  const versions = new Map<string, number>()
  const scores: number[] = []
  const masked = new Map<string, number>()
  let unrecorded = 0
  for (const [i, row] of found.entries()) {
    const values = parseValues(row.vals)
    const list = lists.get(row.columns_id)
    if (list?.recorded === false) unrecorded++
    for (const name of list?.masked ?? []) masked.set(name, (masked.get(name) ?? 0) + 1)
    for (const [at, name] of (list?.names ?? []).entries()) {
      let column = columns.get(name)
      if (!column) columns.set(name, (column = []))
      while (column.length < i) column.push(null)
      column.push(values[at] ?? null)
    }
    scores.push(row.score)
    if (row.version !== null) versions.set(row.version, (versions.get(row.version) ?? 0) + 1)
  }
  for (const column of columns.values()) while (column.length < found.length) column.push(null)
  return { rows: found.length, columns, unrecorded, masked, scores, versions }
}

/** What this service wrote itself needs no check. */
export function parseValues(json: string): readonly Scalar[] {
  return JSON.parse(json)
}
