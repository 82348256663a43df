import type { OnlineRow, OnlineStore } from './store.ts'

/** The online store without a disk, for tests: durable only as long as its process. */
export class MemoryOnlineStore implements OnlineStore {
  readonly #views = new Map<string, Map<string, OnlineRow>>()

  async write(view: string, rows: readonly OnlineRow[]): Promise<void> {
    const kept = this.#views.get(view) ?? new Map<string, OnlineRow>()
    for (const row of rows) kept.set(JSON.stringify([row.entity, row.time, row.rowKey]), structuredClone(row))
    this.#views.set(view, kept)
  }

  async *load(view: string): AsyncGenerator<OnlineRow> {
    yield* [...(this.#views.get(view)?.values() ?? [])].sort(byEntityTimeKey)
  }

  async prune(view: string, before: number, keepNewest: boolean): Promise<void> {
    const rows = this.#views.get(view)
    if (rows === undefined) return
    const newest = new Map<string, number>()
    for (const { entity, time } of rows.values()) {
      if (time < before) newest.set(entity, Math.max(time, newest.get(entity) ?? -Infinity))
    }
    for (const [key, { entity, time }] of rows) {
      if (time < before && !(keepNewest && newest.get(entity) === time)) rows.delete(key)
    }
  }
}

function byEntityTimeKey(a: OnlineRow, b: OnlineRow): number {
  return compare(a.entity, b.entity) || a.time - b.time || compare(a.rowKey, b.rowKey)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
