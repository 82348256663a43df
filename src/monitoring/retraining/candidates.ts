import type { Kysely, Transaction } from 'kysely'
import type { Candidate, CandidateState } from '../../api/monitor.ts'
import type { GateDecision } from '../../domain/gates.ts'
import type { MonitorSchema } from '../tables.ts'

export type Reason = 'drift' | 'degraded' | 'schedule' | 'submitted'
export type GateName = 'candidate' | 'promotion'
export interface Gate extends GateDecision {
  readonly gate: GateName
}

/** A candidate as its store keeps it. Times are project time in milliseconds. */
export interface CandidateRow {
  /** Also the idempotency key of its execution. */
  readonly id: string
  readonly model: string
  readonly version: string | null
  readonly executionId: string | null
  readonly reason: string
  readonly state: CandidateState
  readonly requestedAt: number
  readonly shadowFrom: number | null
  readonly shadowUntil: number | null
  readonly decidedAt: number | null
  readonly champion: string | null
  readonly gates: readonly Gate[]
}

type Db = Kysely<MonitorSchema> | Transaction<MonitorSchema>

const OPEN: readonly CandidateState[] = ['executing', 'gating', 'shadowing']
const STATES: readonly CandidateState[] = [...OPEN, 'promoted', 'refused', 'failed', 'unchanged']

/** The one place that says which candidate an execution, or a submitted version, is: asked again it is the same. */
export function candidateId(model: string, reason: Reason, of: string): string {
  return `${model}:${reason}:${of}`
}

/** Adds a candidate unless it exists. */
export async function addCandidate(db: Db, candidate: Pick<CandidateRow, 'id' | 'model' | 'version' | 'reason' | 'state' | 'requestedAt'>): Promise<void> {
  await db
    .insertInto('candidates')
    .values({
      candidate_id: candidate.id,
      model: candidate.model,
      version: candidate.version,
      execution_id: null,
      reason: candidate.reason,
      state: candidate.state,
      requested_at: candidate.requestedAt,
      shadow_from: null,
      shadow_until: null,
      decided_at: null,
      champion: null,
      gates: '[]',
    })
    .onConflict((c) => c.doNothing())
    .execute()
}

export async function updateCandidate(db: Db, id: string, change: Partial<Omit<MonitorSchema['candidates'], 'candidate_id'>>): Promise<void> {
  await db.updateTable('candidates').set(change).where('candidate_id', '=', id).execute()
}

export async function findCandidate(db: Db, id: string): Promise<CandidateRow | null> {
  const row = await db.selectFrom('candidates').selectAll().where('candidate_id', '=', id).executeTakeFirst()
  return row ? fromRow(row) : null
}

/** The candidate that a registered version is, however it came about. */
export async function findByVersion(db: Db, model: string, version: string): Promise<CandidateRow | null> {
  const row = await db.selectFrom('candidates').selectAll().where('model', '=', model).where('version', '=', version).executeTakeFirst()
  return row ? fromRow(row) : null
}

/** Those that have not ended, oldest first. */
export async function openCandidates(db: Db, model?: string): Promise<CandidateRow[]> {
  const all = db.selectFrom('candidates').selectAll().where('state', 'in', OPEN).orderBy('requested_at').orderBy('candidate_id')
  const rows = await (model === undefined ? all : all.where('model', '=', model)).execute()
  return rows.map(fromRow)
}

export async function listCandidates(db: Db, model?: string): Promise<Candidate[]> {
  const all = db.selectFrom('candidates').selectAll().orderBy('requested_at', 'desc').orderBy('candidate_id', 'desc')
  const rows = await (model === undefined ? all : all.where('model', '=', model)).execute()
  return rows.map((row) => presentCandidate(fromRow(row)))
}

export async function countByState(db: Db): Promise<{ model: string; state: string; count: number }[]> {
  const rows = await db.selectFrom('candidates').select((e) => ['model', 'state', e.fn.countAll<number>().as('count')]).groupBy(['model', 'state']).execute()
  return rows.map(({ model, state, count }) => ({ model, state, count: Number(count) }))
}

export function presentCandidate(row: CandidateRow): Candidate {
  return {
    candidate_id: row.id,
    model: row.model,
    version: row.version,
    execution_id: row.executionId,
    reason: row.reason,
    state: row.state,
    requested_at: iso(row.requestedAt),
    shadow_until: row.shadowUntil === null ? null : iso(row.shadowUntil),
    decided_at: row.decidedAt === null ? null : iso(row.decidedAt),
    gates: row.gates,
  }
}

function fromRow(row: MonitorSchema['candidates']): CandidateRow {
  return {
    id: row.candidate_id,
    model: row.model,
    version: row.version,
    executionId: row.execution_id,
    reason: row.reason,
    state: stateOf(row.state),
    requestedAt: row.requested_at,
    shadowFrom: row.shadow_from,
    shadowUntil: row.shadow_until,
    decidedAt: row.decided_at,
    champion: row.champion,
    gates: parseGates(row.gates),
  }
}

function stateOf(text: string): CandidateState {
  const state = STATES.find((candidate) => candidate === text)
  if (!state) throw new TypeError(`${JSON.stringify(text)} is no state of a candidate`)
  return state
}

/** Written by this service alone. */
function parseGates(json: string): Gate[] {
  return JSON.parse(json)
}

function iso(time: number): string {
  return new Date(time).toISOString()
}
