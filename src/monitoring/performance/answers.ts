import type { Kysely } from 'kysely'
import { type Window, periodsBetween } from '../../domain/windows.ts'
import type { MonitorSchema } from '../tables.ts'

/** What was answered in a stretch of time, by columns: entry `i` of each list is one row of one request. */
export interface Answers {
  readonly pids: readonly number[]
  /** 0 or 1; NaN where the truth was not known by the moment asked for. */
  readonly labels: readonly number[]
  /** Aliases that answered callers, the most frequent first. */
  readonly answering: readonly string[]
  readonly byAlias: ReadonlyMap<string, AliasScores>
}

export interface AliasScores {
  /** NaN where no version under this alias predicted the row. */
  readonly scores: readonly number[]
  /** Version → rows, the most frequent first. */
  readonly versions: ReadonlyMap<string, number>
}

/**
 * The answers to a model's requests in `window`, with the labels whose truth was known by `labelledBy` (project time, ms).
 * Of several versions under one alias the first in the journal counts. Read day by day, so that a long window neither fills the memory nor
 * keeps other requests waiting.
 */
export async function readAnswers(db: Kysely<MonitorSchema>, model: string, window: Window, labelledBy = Number.MAX_SAFE_INTEGER): Promise<Answers> {
  const pids: number[] = []
  const labels: number[] = []
  const answered = new Map<string, number>()
  const byAlias = new Map<string, { scores: number[]; versions: Map<string, number> }>()
  for (const day of await daysWithRequests(db, model, window)) {
    for (const row of await readRows(db, model, day, labelledBy)) {
      if (pids.at(-1) !== row.pid) {
        pids.push(row.pid)
        labels.push(row.label ?? NaN)
      }
      let alias = byAlias.get(row.alias)
      if (!alias) byAlias.set(row.alias, (alias = { scores: [], versions: new Map() }))
      if (alias.scores.length === pids.length) continue
      while (alias.scores.length < pids.length - 1) alias.scores.push(NaN)
      alias.scores.push(row.score)
      count(alias.versions, row.version)
      if (row.answered === 1) count(answered, row.alias)
    }
  }
  for (const alias of byAlias.values()) {
    while (alias.scores.length < pids.length) alias.scores.push(NaN)
    alias.versions = mostFrequentFirst(alias.versions)
  }
  return { pids, labels, byAlias, answering: [...mostFrequentFirst(answered).keys()] }
}

async function daysWithRequests(db: Kysely<MonitorSchema>, model: string, window: Window): Promise<Window[]> {
  const { first, last } = await db
    .selectFrom('requests')
    .select((e) => [e.fn.min('time').as('first'), e.fn.max('time').as('last')])
    .where('model', '=', model)
    .where('time', '>=', window.start)
    .where('time', '<', window.end)
    .executeTakeFirstOrThrow()
  if (first === null || last === null) return []
  return periodsBetween('day', Number(first), Number(last)).map(({ start, end }) => ({ start: Math.max(start, window.start), end: Math.min(end, window.end) }))
}

function readRows(db: Kysely<MonitorSchema>, model: string, { start, end }: Window, labelledBy: number) {
  return db
    .selectFrom('requests as r')
    .innerJoin('scores as s', 's.pid', 'r.pid')
    .leftJoin('truths as t', (join) => join.onRef('t.pid', '=', 'r.pid').on('t.time', '<=', labelledBy))
    .select(['r.pid', 's.alias', 's.version', 's.answered', 's.score', 't.label'])
    .where('r.model', '=', model)
    .where('r.time', '>=', start)
    .where('r.time', '<', end)
    .where('r.version', 'is not', null)
    .orderBy('r.pid')
    .orderBy('s.ordinal')
    .execute()
}

function count(into: Map<string, number>, key: string): void {
  into.set(key, (into.get(key) ?? 0) + 1)
}

function mostFrequentFirst(counts: ReadonlyMap<string, number>): Map<string, number> {
  return new Map([...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)))
}
