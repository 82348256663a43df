import type { Kysely, Transaction } from 'kysely'
import type { ScoredRecord } from '../../api/serving.ts'
import type { MonitorSchema } from '../tables.ts'
import { addTerms, termsOf } from '../comparison/sums.ts'
import { chunks, insertMany } from './bulk.ts'
import { columnListText } from './column-lists.ts'
import { type Mark, addMark } from './marks.ts'

type Trx = Transaction<MonitorSchema>
type RequestRow = MonitorSchema['requests']

export interface IngestState {
  /** How far serving's journal has been taken over. */
  readonly offset: number
  /** Oldest first. */
  readonly marks: readonly Mark[]
  readonly blocked: boolean
}

export async function readState(db: Kysely<MonitorSchema>): Promise<IngestState> {
  const row = await db.selectFrom('ingest').select(['journal_offset', 'marks', 'blocked']).executeTakeFirst()
  return row ? { offset: row.journal_offset, marks: parseMarks(row.marks), blocked: row.blocked === 1 } : { offset: 0, marks: [], blocked: false }
}

/**
 * Takes over journal records that end at offset `to`, once: of repeated (id, row, model, alias, version) the first is kept, here and across
 * calls. Labels that came before their request are joined. All of it belongs to `trx`, with the offset, and the mark of the last line. Returns
 * false, and changes nothing, where the offset is no longer `from`: another has taken these records over.
 */
export async function storeRecords(trx: Trx, records: readonly ScoredRecord[], from: number, to: number, mark?: Omit<Mark, 'batch'>): Promise<boolean> {
  await holdIngest(trx)
  const state = await trx.selectFrom('ingest').selectAll().where('id', '=', 1).executeTakeFirstOrThrow()
  if (state.journal_offset !== from) return false

  const known = await knownRequests(trx, records)
  const termsBefore = await termsOf(trx, [...known.values()].map(({ pid }) => pid))
  const fresh: RequestRow[] = []
  const completed: RequestRow[] = []
  const scores: MonitorSchema['scores'][] = []
  const inputs: MonitorSchema['inputs'][] = []
  const exposures: MonitorSchema['exposures'][] = []
  const columns = new Map<string, number>()
  let nextPid = state.next_pid
  for (const [i, record] of records.entries()) {
    const key = requestKey(record.id, record.row, record.model)
    let request = known.get(key)
    if (!request) {
      const { id, row, model, time } = record
      request = { pid: nextPid++, request_id: id, row, model, time, version: null }
      known.set(key, request)
      fresh.push(request)
    }
    const answered = record.role === 'champion'
    if (answered && request.version === null) {
      request.version = record.version
      if (request.pid < state.next_pid) completed.push(request)
      const features = observedFeatures(record)
      const names = columnListText(record)
      const columnsId = columns.get(names) ?? (await findColumnsId(trx, names))
      columns.set(names, columnsId)
      const { exposure } = record
      if (exposure) exposures.push({ pid: request.pid, rollout: exposure.rollout, arm: exposure.arm, randomised: exposure.by === 'weight' ? 1 : 0 })
      inputs.push({ pid: request.pid, columns_id: columnsId, vals: JSON.stringify(Object.values(features)) })
    }
    // An offset in bytes plus a count of lines stays below the next batch's offset, so ordinals ascend through the journal.
    scores.push({ pid: request.pid, alias: record.alias, version: record.version, answered: answered ? 1 : 0, ordinal: state.ordinal_base + from + i, score: record.score })
  }
  await insertMany(trx, 'requests', fresh)
  for (const { pid, version } of completed) await trx.updateTable('requests').set({ version }).where('pid', '=', pid).execute()
  await insertMany(trx, 'inputs', inputs)
  await insertMany(trx, 'exposures', exposures)
  await insertMany(trx, 'scores', scores)
  await joinEarlierLabels(trx, fresh)
  await addTerms(trx, [...known.values()].map(({ pid }) => pid), termsBefore)
  const marks = mark === undefined ? state.marks : JSON.stringify(addMark(parseMarks(state.marks), mark))
  await trx.updateTable('ingest').set({ journal_offset: to, next_pid: nextPid, marks, blocked: 0 }).where('id', '=', 1).execute()
  return true
}

/**
 * Takes the journal up again at offset `to`, be it before or behind `from`; of its lines up to there those in `marks` are known. What is read a second
 * time is known again by its request, so it changes nothing. Returns false, and changes nothing, where the offset is no longer `from`.
 */
export async function resumeAt(trx: Trx, from: number, to: number, marks: readonly Mark[]): Promise<boolean> {
  await holdIngest(trx)
  const state = await trx.selectFrom('ingest').selectAll().where('id', '=', 1).executeTakeFirstOrThrow()
  if (state.journal_offset !== from) return false
  const ordinalBase = state.ordinal_base + Math.max(0, from - to)
  await trx.updateTable('ingest').set({ journal_offset: to, marks: JSON.stringify(marks), ordinal_base: ordinalBase, blocked: 0 }).where('id', '=', 1).execute()
  return true
}

/** Notes whether taking over waits for an operator; returns whether that was not so before. */
export async function setBlocked(trx: Trx, blocked: boolean): Promise<boolean> {
  await holdIngest(trx)
  const value = blocked ? 1 : 0
  const changed = await trx.updateTable('ingest').set({ blocked: value }).where('id', '=', 1).where('blocked', '!=', value).executeTakeFirst()
  return changed.numUpdatedRows > 0n
}

/** Written by this service alone. */
function parseMarks(json: string): Mark[] {
  return JSON.parse(json)
}

/** A value that only stands in for one that the store did not give in time was not observed: it counts as missing. */
function observedFeatures({ features = {}, missing = [] }: ScoredRecord): NonNullable<ScoredRecord['features']> {
  if (missing.length === 0) return features
  const absent = new Set(missing.flatMap((reference) => [reference, reference.replace(':', '__'), reference.slice(reference.indexOf(':') + 1)]))
  return Object.fromEntries(Object.entries(features).map(([name, value]) => [name, absent.has(name) ? null : value]))
}

async function knownRequests(trx: Trx, records: readonly ScoredRecord[]): Promise<Map<string, RequestRow>> {
  const known = new Map<string, RequestRow>()
  for (const ids of chunks([...new Set(records.map((record) => record.id))])) {
    for (const row of await trx.selectFrom('requests').selectAll().where('request_id', 'in', ids).execute()) {
      known.set(requestKey(row.request_id, row.row, row.model), row)
    }
  }
  return known
}

/**
 * Makes transactions that store requests and those that store labels wait for one another: each looks for what the other has written, and two that ran
 * side by side would both find nothing.
 */
export async function holdIngest(trx: Trx): Promise<void> {
  await trx.insertInto('ingest').values({ id: 1, journal_offset: 0, next_pid: 1 }).onConflict((c) => c.doNothing()).execute()
  await trx.updateTable('ingest').set((e) => ({ next_pid: e.ref('next_pid') })).where('id', '=', 1).execute()
}

async function joinEarlierLabels(trx: Trx, fresh: readonly RequestRow[]): Promise<void> {
  const byRow = new Map<string, number[]>()
  for (const { request_id, row, pid } of fresh) {
    const key = labelKey(request_id, row)
    const pids = byRow.get(key)
    if (pids) pids.push(pid)
    else byRow.set(key, [pid])
  }
  for (const ids of chunks([...new Set(fresh.map((request) => request.request_id))])) {
    const labels = await trx.selectFrom('labels').selectAll().where('request_id', 'in', ids).execute()
    if (labels.length === 0) continue
    const truths = labels.flatMap(({ request_id, row, label, time }) => (byRow.get(labelKey(request_id, row)) ?? []).map((pid) => ({ pid, label, time })))
    if (truths.length === 0) continue
    await insertMany(trx, 'truths', truths)
    for (const { request_id, row, joined } of labels) {
      if (joined === 1 || !byRow.has(labelKey(request_id, row))) continue
      await trx.updateTable('labels').set({ joined: 1 }).where('request_id', '=', request_id).where('row', '=', row).execute()
    }
  }
}

/** The number under which a list of column names is kept: it changes with the model version only, and would double each row's size. */
async function findColumnsId(trx: Trx, names: string): Promise<number> {
  const kept = await trx.selectFrom('columns').select('columns_id').where('names', '=', names).executeTakeFirst()
  if (kept) return kept.columns_id
  const { last } = await trx.selectFrom('columns').select((e) => e.fn.max('columns_id').as('last')).executeTakeFirstOrThrow()
  const next = (last ?? 0) + 1
  await trx.insertInto('columns').values({ columns_id: next, names }).execute()
  return next
}

export function labelKey(requestId: string, row: number): string {
  return `${row} ${requestId}`
}

function requestKey(requestId: string, row: number, model: string): string {
  return `${row} ${model} ${requestId}`
}
