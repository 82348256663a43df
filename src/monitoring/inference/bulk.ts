import type { CompiledQuery, Insertable, Transaction } from 'kysely'
import { LRUCache } from 'lru-cache'
import type { MonitorSchema } from '../tables.ts'

/** Rows of one statement: few texts to prepare, and far below the limit on bound values of either driver. */
const CHUNK = 250

const compiledInserts = new LRUCache<string, CompiledQuery>({ max: 50 })

/**
 * Inserts rows, many a statement; one that is there already stays as it is. All rows have the same columns in the same order. A statement for a full
 * chunk is compiled once and used again with other values: building the query anew for each chunk costs more than running it.
 */
export async function insertMany<T extends keyof MonitorSchema & string>(trx: Transaction<MonitorSchema>, table: T, rows: readonly Insertable<MonitorSchema[T]>[]): Promise<void> {
  const [first] = rows
  if (!first) return
  const key = `${table} ${Object.keys(first).join()}`
  for (const some of chunks(rows)) {
    const whole = some.length === CHUNK
    const known = whole ? compiledInserts.get(key) : undefined
    const compiled = known ?? trx.insertInto(table).values(some).onConflict((c) => c.doNothing()).compile()
    if (whole && !known) compiledInserts.set(key, compiled)
    await trx.executeQuery(known ? { ...known, parameters: some.flatMap((row) => Object.values(row)) } : compiled)
  }
}

export function* chunks<T>(items: readonly T[], size = CHUNK): Generator<T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size)
}
