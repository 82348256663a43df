import { sql } from 'kysely'
import type { KeyValue } from '../../api/tracking.ts'
import { chunksOf, inChunks } from '../store.ts'
import type { Queries } from '../tables.ts'
import { type MetricPoint, type MetricRow, isNewer, toRow } from '../tracking/runs/metrics.ts'
import type { RunRow } from '../tracking/runs/store.ts'
import type { Mark } from './schema.ts'

/** Marks of what has been copied from `source`, by id. */
export async function findMarks(db: Queries, source: string, kind: string, ids: readonly string[]): Promise<readonly Mark[]> {
  return inChunks(ids, (chunk) =>
    db.selectFrom('import_marks').select(['kind', 'id', 'fingerprint', 'content']).where('source', '=', source).where('kind', '=', kind).where('id', 'in', chunk).execute(),
  )
}

export async function putMarks(trx: Queries, source: string, marks: readonly Mark[]): Promise<void> {
  for (const mark of marks) {
    await trx
      .insertInto('import_marks')
      .values({ source, ...mark })
      .onConflict((c) => c.columns(['source', 'kind', 'id']).doUpdateSet({ fingerprint: mark.fingerprint, content: mark.content }))
      .execute()
  }
}

/** No new experiment gets a number up to `number`. */
export async function raiseCounter(trx: Queries, name: string, number: number): Promise<void> {
  await trx
    .insertInto('counters')
    .values({ name, value: number })
    .onConflict((c) => c.column('name').doUpdateSet({ value: number }).where('counters.value', '<', number))
    .execute()
}

/** Stores points of a run, whatever its stage, and moves each metric's latest value on. A point that is there already stays one. */
export async function insertPoints(trx: Queries, run: RunRow, points: readonly MetricPoint[]): Promise<void> {
  const rows = points.map((point) => toRow(run.run_id, point))
  for (const chunk of chunksOf(rows)) await trx.insertInto('metrics').values([...chunk]).onConflict((c) => c.doNothing()).execute()
  const latest = new Map<string, MetricRow>()
  for (const row of rows) {
    const other = latest.get(row.key)
    if (other === undefined || isNewer(row, other)) latest.set(row.key, row)
  }
  const newest = [...latest.values()].map((row) => ({ ...row, experiment_id: run.experiment_id })).sort((a, b) => (a.key < b.key ? -1 : 1))
  for (const chunk of chunksOf(newest)) {
    await trx
      .insertInto('latest_metrics')
      .values([...chunk])
      .onConflict((c) =>
        c
          .columns(['run_id', 'key'])
          .doUpdateSet((e) => ({ timestamp: e.ref('excluded.timestamp'), step: e.ref('excluded.step'), value: e.ref('excluded.value'), is_nan: e.ref('excluded.is_nan') }))
          .where(sql<boolean>`(excluded.step, excluded.timestamp, excluded.value) > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)`),
      )
      .execute()
  }
}

/** Adds params; returns one that is there already with another value, if there is such. */
export async function insertParams(trx: Queries, runId: string, params: readonly KeyValue[]): Promise<{ readonly key: string; readonly value: string; readonly old: string } | undefined> {
  const stored = new Map((await trx.selectFrom('params').select(['key', 'value']).where('run_id', '=', runId).execute()).map(({ key, value }) => [key, value]))
  const added = params.filter(({ key }) => !stored.has(key))
  for (const chunk of chunksOf(added)) await trx.insertInto('params').values(chunk.map(({ key, value }) => ({ run_id: runId, key, value }))).execute()
  for (const { key, value } of params) {
    const old = stored.get(key)
    if (old !== undefined && old !== value) return { key, value, old }
  }
  return undefined
}

/** How much there is, for whoever copies all of it. */
export async function totals(db: Queries): Promise<{ readonly experiments: number; readonly runs: number; readonly models: number }> {
  const count = async (table: 'experiments' | 'runs' | 'logged_models') =>
    Number((await db.selectFrom(table).select((e) => e.fn.countAll().as('n')).executeTakeFirstOrThrow()).n)
  return { experiments: await count('experiments'), runs: await count('runs'), models: await count('logged_models') }
}
