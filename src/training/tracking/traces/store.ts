import { type Selectable, type Updateable, sql } from 'kysely'
import { MillraceError } from '../../../platform/errors/index.ts'
import { invalid } from '../../mlflow/errors.ts'
import { chunksOf, inChunks } from '../../store.ts'
import type { Queries, TrackingSchema } from '../../tables.ts'
import { type Span, microseconds, mlflowTraceId, spanType, toContent } from './spans.ts'

export type TraceRow = Selectable<TrackingSchema['traces']>
export type SpanRow = Selectable<TrackingSchema['spans']>
type Pairs = Readonly<Record<string, string>>

/** false where there is one by that id. */
export async function insertTrace(trx: Queries, row: TraceRow): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await trx.insertInto('traces').values(row).onConflict((c) => c.doNothing()).executeTakeFirst()
  return (numInsertedOrUpdatedRows ?? 0n) > 0n
}

/** Reads a trace and makes others that change it wait until this transaction ends. */
export function lockTrace(trx: Queries, traceId: string): Promise<TraceRow | undefined> {
  return trx.updateTable('traces').set((e) => ({ state: e.ref('state') })).where('trace_id', '=', traceId).returningAll().executeTakeFirst()
}

export function findTrace(db: Queries, traceId: string): Promise<TraceRow | undefined> {
  return db.selectFrom('traces').selectAll().where('trace_id', '=', traceId).executeTakeFirst()
}

export async function requireTrace(db: Queries, traceId: string): Promise<TraceRow> {
  checkTraceId(traceId)
  const row = await findTrace(db, traceId)
  if (row === undefined) throw new MillraceError('NOT_FOUND', `Trace with ID '${traceId}' not found.`)
  return row
}

/** Its artifacts' folder bears its name. */
export function checkTraceId(traceId: string): void {
  if (!/^[a-zA-Z0-9][\w-]{0,127}$/.test(traceId)) throw invalid(`Invalid value ${JSON.stringify(traceId.slice(0, 200))} for parameter 'trace_id' supplied.`)
}

/** Those that are there, in the order asked for. */
export async function findTraces(db: Queries, traceIds: readonly string[], experimentIds: readonly number[] | undefined): Promise<readonly TraceRow[]> {
  const found = await inChunks([...new Set(traceIds)], (chunk) => db.selectFrom('traces').selectAll().where('trace_id', 'in', chunk).execute())
  const byId = new Map(found.filter((row) => experimentIds === undefined || experimentIds.includes(row.experiment_id)).map((row) => [row.trace_id, row]))
  return traceIds.flatMap((id) => byId.get(id) ?? [])
}

export async function updateTrace(trx: Queries, traceId: string, change: Updateable<TrackingSchema['traces']>): Promise<void> {
  if (Object.keys(change).length > 0) await trx.updateTable('traces').set(change).where('trace_id', '=', traceId).execute()
}

/** In order of key, so that those who write the same trace wait for one another and do not deadlock. */
export async function putPairs(trx: Queries, table: 'trace_tags' | 'trace_metadata', traceId: string, pairs: Pairs): Promise<void> {
  const rows = Object.entries(pairs).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => ({ trace_id: traceId, key, value }))
  for (const chunk of chunksOf(rows)) {
    await trx
      .insertInto(table)
      .values([...chunk])
      .onConflict((c) => c.columns(['trace_id', 'key']).doUpdateSet((e) => ({ value: e.ref('excluded.value') })))
      .execute()
  }
}

export async function readPairs(db: Queries, table: 'trace_tags' | 'trace_metadata', traceId: string): Promise<Pairs> {
  const rows = await db.selectFrom(table).select(['key', 'value']).where('trace_id', '=', traceId).execute()
  return Object.fromEntries(rows.map(({ key, value }) => [key, value]))
}

export async function deleteTag(trx: Queries, traceId: string, key: string): Promise<boolean> {
  const { numDeletedRows } = await trx.deleteFrom('trace_tags').where('trace_id', '=', traceId).where('key', '=', key).executeTakeFirst()
  return numDeletedRows > 0n
}

/** A span that is there already is replaced: first it came as it began, then as it ended. */
export async function putSpans(trx: Queries, spans: readonly Span[]): Promise<void> {
  const rows = new Map(spans.map((span) => [`${span.traceId} ${span.spanId}`, toSpanRow(span)]))
  const ordered = [...rows.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
  for (const chunk of chunksOf(ordered)) {
    await trx
      .insertInto('spans')
      .values([...chunk])
      .onConflict((c) =>
        c.columns(['trace_id', 'span_id']).doUpdateSet((e) => ({
          parent_id: e.ref('excluded.parent_id'),
          name: e.ref('excluded.name'),
          type: e.ref('excluded.type'),
          status: e.ref('excluded.status'),
          start_us: e.ref('excluded.start_us'),
          end_us: e.ref('excluded.end_us'),
          content: e.ref('excluded.content'),
        })),
      )
      .execute()
  }
}

function toSpanRow(span: Span): SpanRow {
  return {
    trace_id: mlflowTraceId(span.traceId),
    span_id: span.spanId,
    parent_id: span.parentId,
    name: span.name,
    type: spanType(span),
    status: span.status,
    start_us: microseconds(span.startNs),
    end_us: span.endNs === null ? null : microseconds(span.endNs),
    content: toContent(span),
  }
}

/** Roots first, then in the order in which they began. */
export function readSpans(db: Queries, traceIds: readonly string[]): Promise<readonly SpanRow[]> {
  return inChunks(traceIds, (chunk) =>
    db
      .selectFrom('spans')
      .selectAll()
      .where('trace_id', 'in', chunk)
      .orderBy('trace_id')
      .orderBy(sql`case when parent_id is null then 0 else 1 end`)
      .orderBy('start_us')
      .orderBy('span_id')
      .execute(),
  )
}

export interface TraceSelection {
  readonly experimentId: number
  readonly before: number | undefined
  readonly limit: number | undefined
  readonly traceIds: readonly string[]
}

/** The oldest first. */
export async function selectTraces(db: Queries, { experimentId, before, limit, traceIds }: TraceSelection): Promise<readonly string[]> {
  let query = db.selectFrom('traces').select('trace_id').where('experiment_id', '=', experimentId).orderBy('request_time').orderBy('trace_id')
  if (before !== undefined) query = query.where('request_time', '<=', before)
  if (traceIds.length > 0) query = query.where('trace_id', 'in', traceIds)
  if (limit !== undefined) query = query.limit(limit)
  return (await query.execute()).map((row) => row.trace_id)
}

export async function deleteTraces(trx: Queries, traceIds: readonly string[]): Promise<void> {
  for (const chunk of chunksOf(traceIds)) await trx.deleteFrom('traces').where('trace_id', 'in', chunk).execute()
}

export async function linkRun(trx: Queries, traceIds: readonly string[], runId: string): Promise<void> {
  if (traceIds.length === 0) return
  await trx.insertInto('trace_runs').values(traceIds.map((trace_id) => ({ trace_id, run_id: runId }))).onConflict((c) => c.doNothing()).execute()
}

export async function linkPrompts(trx: Queries, traceId: string, prompts: readonly { readonly name: string; readonly version: string }[]): Promise<void> {
  if (prompts.length === 0) return
  await trx.insertInto('trace_prompts').values(prompts.map((prompt) => ({ trace_id: traceId, ...prompt }))).onConflict((c) => c.doNothing()).execute()
}
