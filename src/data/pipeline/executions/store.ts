import type { Kysely, Selectable, Transaction } from 'kysely'
import type { Execution, ExecutionRequest, ExecutionState } from '../../../api/pipelines.ts'
import type { Database, Migration } from '../../../platform/db/index.ts'
import { type EventsSchema, createEventsTables } from '../../../platform/events/outbox.ts'

export interface ExecutionsTable {
  /** In order of submission. */
  number: number
  execution_id: string
  idempotency_key: string
  state: ExecutionState
  /** The request, its commit resolved, as JSON. */
  request: string
  created_at: number
  started_at: number | null
  ended_at: number | null
  /** Which process works on it, and until when (wall time) nobody else may. */
  lease_owner: string | null
  lease_until: number | null
  data: string
  stages: string
  result_commit: string | null
  run_id: string | null
  version: string | null
  error: string | null
  unchanged: string | null
}

export interface ExecutionsSchema extends EventsSchema {
  executions: ExecutionsTable
  /** One row, which whoever changes the queue updates first: so they wait for one another, in every database. */
  execution_queue: { id: number; changed_at: number }
}

export const executionMigrations: readonly Migration[] = [
  { name: '001-events', up: createEventsTables },
  {
    name: '002-executions',
    up: async (db) => {
      await db.schema
        .createTable('executions')
        .addColumn('number', 'bigint', (c) => c.primaryKey())
        .addColumn('execution_id', 'text', (c) => c.notNull().unique())
        .addColumn('idempotency_key', 'text', (c) => c.notNull().unique())
        .addColumn('state', 'text', (c) => c.notNull())
        .addColumn('request', 'text', (c) => c.notNull())
        .addColumn('created_at', 'bigint', (c) => c.notNull())
        .addColumn('started_at', 'bigint')
        .addColumn('ended_at', 'bigint')
        .addColumn('lease_owner', 'text')
        .addColumn('lease_until', 'bigint')
        .addColumn('data', 'text', (c) => c.notNull())
        .addColumn('stages', 'text', (c) => c.notNull())
        .addColumn('result_commit', 'text')
        .addColumn('run_id', 'text')
        .addColumn('version', 'text')
        .addColumn('error', 'text')
        .execute()
      await db.schema
        .createTable('execution_queue')
        .addColumn('id', 'integer', (c) => c.primaryKey())
        .addColumn('changed_at', 'bigint', (c) => c.notNull())
        .execute()
    },
  },
  {
    name: '003-unchanged',
    up: async (db) => {
      await db.schema.alterTable('executions').addColumn('unchanged', 'text').execute()
    },
    down: async (db) => {
      await db.schema.alterTable('executions').dropColumn('unchanged').execute()
    },
  },
]

/** What was asked for, the commit found. */
export type ResolvedRequest = ExecutionRequest & { readonly commit: string }

/** An execution with what only its worker needs. */
export interface ExecutionRow extends Execution {
  readonly request: ResolvedRequest
}

export type Progress = Partial<Pick<Execution, 'data' | 'stages' | 'result_commit' | 'run_id' | 'version' | 'unchanged'>>

/** The tables of the pipelines service. Times are wall time: executions are work, not part of the modelled world. */
export class ExecutionStore {
  readonly #db: Database<ExecutionsSchema>

  constructor(db: Database<ExecutionsSchema>) {
    this.#db = db
  }

  /** Adds an execution at the end of the queue, or answers with the one of the same key. */
  async submit(id: string, request: ResolvedRequest, now: number): Promise<{ readonly execution: ExecutionRow; readonly isNew: boolean }> {
    return this.#db.transaction(async (trx) => {
      await holdQueue(trx, now)
      const known = await this.byKey(request.key, trx)
      if (known) return { execution: known, isNew: false }
      const { last } = await trx.selectFrom('executions').select((e) => e.fn.max('number').as('last')).executeTakeFirstOrThrow()
      const row = {
        number: Number(last ?? 0) + 1,
        execution_id: id,
        idempotency_key: request.key,
        state: 'queued' as const,
        request: JSON.stringify(request),
        created_at: now,
        data: '{}',
        stages: '[]',
      }
      const stored = await trx.insertInto('executions').values(row).returningAll().executeTakeFirstOrThrow()
      return { execution: fromRow(stored), isNew: true }
    })
  }

  async byKey(key: string, trx: Kysely<ExecutionsSchema> = this.#db.kysely): Promise<ExecutionRow | undefined> {
    const row = await trx.selectFrom('executions').selectAll().where('idempotency_key', '=', key).executeTakeFirst()
    return row && fromRow(row)
  }

  async byId(id: string): Promise<ExecutionRow | undefined> {
    const row = await this.#db.kysely.selectFrom('executions').selectAll().where('execution_id', '=', id).executeTakeFirst()
    return row && fromRow(row)
  }

  /** Newest first. */
  async list(limit: number, model?: string): Promise<readonly ExecutionRow[]> {
    const rows = await this.#db.kysely.selectFrom('executions').selectAll().orderBy('number', 'desc').limit(model === undefined ? limit : 10_000).execute()
    return rows.map(fromRow).filter((row) => model === undefined || row.model === model).slice(0, limit)
  }

  async unfinished(): Promise<readonly Pick<Execution, 'execution_id' | 'state'>[]> {
    return this.#db.kysely.selectFrom('executions').select(['execution_id', 'state']).where('state', 'in', ['queued', 'running']).orderBy('number').execute()
  }

  /**
   * The execution to work on now: the one that runs, if its lease has ended; else, if none runs, the oldest in the queue. It is leased to `owner` until
   * `until`. `started` is called in the transaction in which a queued one becomes a running one, which happens once in its life.
   */
  async claim(
    owner: string,
    now: number,
    until: number,
    started: (execution: ExecutionRow, trx: Transaction<ExecutionsSchema>) => Promise<void>,
  ): Promise<ExecutionRow | undefined> {
    if ((await this.unfinished()).length === 0) return undefined
    return this.#db.transaction(async (trx) => {
      await holdQueue(trx, now)
      const candidates = trx.selectFrom('executions').selectAll().orderBy('number')
      const running = await candidates.where('state', '=', 'running').executeTakeFirst()
      if (running && running.lease_owner !== owner && (running.lease_until ?? 0) > now) return undefined
      const next = running ?? (await candidates.where('state', '=', 'queued').executeTakeFirst())
      if (!next) return undefined
      await trx
        .updateTable('executions')
        .set({ state: 'running', started_at: next.started_at ?? now, lease_owner: owner, lease_until: until })
        .where('number', '=', next.number)
        .execute()
      const execution = fromRow({ ...next, state: 'running', started_at: next.started_at ?? now })
      if (next.state === 'queued') await started(execution, trx)
      return execution
    })
  }

  /** Ends the leases of processes that are gone: only where the database is this process's alone. */
  async endLeases(): Promise<void> {
    await this.#db.kysely.updateTable('executions').set({ lease_until: 0 }).where('state', '=', 'running').execute()
  }

  /** False when somebody else has taken it over: then its work must stop. */
  async renew(id: string, owner: string, until: number): Promise<boolean> {
    const { numUpdatedRows } = await this.#db.kysely
      .updateTable('executions')
      .set({ lease_until: until })
      .where('execution_id', '=', id)
      .where('lease_owner', '=', owner)
      .where('state', '=', 'running')
      .executeTakeFirstOrThrow()
    return numUpdatedRows === 1n
  }

  async record(id: string, progress: Progress): Promise<void> {
    const { data, stages, ...plain } = progress
    await this.#db.kysely
      .updateTable('executions')
      .set({ ...plain, ...(data === undefined ? {} : { data: JSON.stringify(data) }), ...(stages === undefined ? {} : { stages: JSON.stringify(stages) }) })
      .where('execution_id', '=', id)
      .execute()
  }

  /** Ends a running execution once, with `also` in the same transaction; does nothing when `owner` no longer holds it. */
  async end(
    id: string,
    owner: string,
    change: { readonly state: 'finished' | 'failed'; readonly error: string | null; readonly ended_at: number },
    also: (trx: Transaction<ExecutionsSchema>) => Promise<unknown>,
  ): Promise<void> {
    await this.#db.transaction(async (trx) => {
      const { numUpdatedRows } = await trx
        .updateTable('executions')
        .set({ ...change, lease_owner: null, lease_until: null })
        .where('execution_id', '=', id)
        .where('lease_owner', '=', owner)
        .where('state', '=', 'running')
        .executeTakeFirstOrThrow()
      if (numUpdatedRows === 1n) await also(trx)
    })
  }
}

async function holdQueue(trx: Transaction<ExecutionsSchema>, now: number): Promise<void> {
  await trx
    .insertInto('execution_queue')
    .values({ id: 1, changed_at: now })
    .onConflict((c) => c.column('id').doUpdateSet({ changed_at: now }))
    .execute()
}

function fromRow(row: Selectable<ExecutionsTable>): ExecutionRow {
  const request: ResolvedRequest = JSON.parse(row.request)
  const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())
  return {
    execution_id: row.execution_id,
    key: row.idempotency_key,
    model: request.model,
    reason: request.reason,
    state: row.state,
    commit: request.commit,
    result_commit: row.result_commit,
    data: JSON.parse(row.data),
    stages: JSON.parse(row.stages),
    run_id: row.run_id,
    version: row.version,
    unchanged: row.unchanged,
    error: row.error,
    created_at: new Date(row.created_at).toISOString(),
    started_at: time(row.started_at),
    ended_at: time(row.ended_at),
    request,
  }
}
