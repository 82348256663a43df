import type { Kysely } from 'kysely'
import type { Scalar } from '../../api/serving.ts'
import type { Window } from '../../domain/windows.ts'
import type { MonitorSchema } from '../tables.ts'

/** The model inputs that were answered in a window, by name, with the score of each answer. */
export interface CurrentRows {
  readonly rows: number
  /** Each list is as long as `rows`; null where missing, also where the version that answered did not know the column. */
  readonly columns: ReadonlyMap<string, readonly Scalar[]>
  readonly scores: readonly number[]
  /** Version → rows that it answered. */
  readonly versions: ReadonlyMap<string, number>
}

export async function readCurrent(db: Kysely<MonitorSchema>, model: string, window: Window): Promise<CurrentRows> {
  const names = new Map<number, readonly string[]>()
  for (const row of await db.selectFrom('columns').selectAll().execute()) names.set(row.columns_id, parseNames(row.names))
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
  for (const [i, row] of found.entries()) {
    const values = parseValues(row.vals)
    for (const [at, name] of (names.get(row.columns_id) ?? []).entries()) {
      let column = columns.get(name)
      if (!column) columns.set(name, (column = []))
      while (column.length < i) column.push(null)
      column.push(values[at] ?? null)
    }
    scores.push(row.score)
    if (row.version !== null) versions.set(row.version, (versions.get(row.version) ?? 0) + 1)
  }
  for (const column of columns.values()) while (column.length < found.length) column.push(null)
  return { rows: found.length, columns, scores, versions }
}

/** What this service wrote itself needs no check. */
function parseNames(json: string): readonly string[] {
  return JSON.parse(json)
}

export function parseValues(json: string): readonly Scalar[] {
  return JSON.parse(json)
}
