import type { Queries } from './tables.ts'

/** Rows of one statement at most: SQLite binds 32,766 values, PostgreSQL 65,535. */
const CHUNK = 1000

export function* chunksOf<T>(values: readonly T[], size = CHUNK): Iterable<readonly T[]> {
  for (let at = 0; at < values.length; at += size) yield values.slice(at, at + size)
}

/** Runs `query` on a chunk of `values` at a time and gives all rows. */
export async function inChunks<T, R>(values: readonly T[], query: (chunk: readonly T[]) => Promise<readonly R[]>): Promise<readonly R[]> {
  const rows: R[] = []
  for (const chunk of chunksOf(values)) rows.push(...(await query(chunk)))
  return rows
}

export function groupBy<T, K>(rows: Iterable<T>, key: (row: T) => K): ReadonlyMap<K, readonly T[]> {
  return Map.groupBy(rows, key)
}

/** The next number of a counter; concurrent callers wait for one another and get different ones. */
export async function nextNumber(trx: Queries, name: string): Promise<number> {
  await trx.insertInto('counters').values({ name, value: 0 }).onConflict((c) => c.doNothing()).execute()
  const { value } = await trx
    .updateTable('counters')
    .set((e) => ({ value: e('value', '+', 1) }))
    .where('name', '=', name)
    .returning('value')
    .executeTakeFirstOrThrow()
  return value
}
