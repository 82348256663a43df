import { type Generated, type Kysely, sql } from 'kysely'
import type { Migration } from '../platform/db/index.ts'
import { type EventsSchema, createEventsTables } from '../platform/events/outbox.ts'
import { addAllTerms } from './comparison/sums.ts'
import { type ComparisonTables, comparisonSumsMigration, exposuresMigration } from './comparison/tables.ts'

/** Times are project time in milliseconds since 1970 unless said otherwise. */
export interface MonitorSchema extends EventsSchema, ComparisonTables {
  /** One row: how far serving's journal has been taken over, and the next number for a request. */
  ingest: {
    id: number
    journal_offset: number
    next_pid: number
    /** Lines of the journal by which it is known again, a JSON list of `Mark`. */
    marks: Generated<string>
    /** What is added to an offset to give an ordinal: grows where offsets come again, so that ordinals ascend all the same. */
    ordinal_base: Generated<number>
    /** 1: the journal is another, and an operator has been told. */
    blocked: Generated<number>
  }
  /** A row of a request, known by the first journal record that named it. `version` is the one that answered; null until that record came. */
  requests: { pid: number; request_id: string; row: number; model: string; time: number; version: string | null }
  /** What each version said. `ordinal` is the order in the journal: of two versions under one alias the first counts. */
  scores: { pid: number; alias: string; version: string; answered: number; ordinal: number; score: number }
  /** Model inputs of the row that answered, as a JSON list in the order of `columns.names`. */
  inputs: { pid: number; columns_id: number; vals: string }
  columns: { columns_id: number; names: string }
  /** The truth, by request and row, whether its request is known yet or not. */
  labels: { request_id: string; row: number; label: number; time: number; joined: number }
  /** The truth again, by `pid`, once the request is known. */
  truths: { pid: number; label: number; time: number }
  /** One report a model and window. `reference_version`: the version whose training data it was compared with. */
  reports: {
    report_id: string
    model: string
    window_start: number
    window_end: number
    final: number
    /** The moment at which it was found; 0: not so. */
    degraded_at: number
    drifted_at: number
    reference_version: string | null
    report: string
  }
  /** Days whose predictions stand in a Parquet file; `last_pid` is the greatest request in it. */
  lake_days: { model: string; day: number; rows: number; last_pid: number }
  /** Where a model's policy stands: the last day whose end was dealt with, and when it was last trained. */
  policies: { model: string; processed_until: number; last_training: number | null }
  candidates: {
    candidate_id: string
    model: string
    version: string | null
    execution_id: string | null
    reason: string
    state: string
    requested_at: number
    shadow_from: number | null
    shadow_until: number | null
    decided_at: number | null
    /** The version that was champion when the promotion was decided. */
    champion: string | null
    gates: string
  }
}

export const migrations: readonly Migration[] = [
  { name: '001-events', up: createEventsTables },
  { name: '002-inference', up: createInferenceTables },
  { name: '003-reports', up: createReportTables },
  { name: '004-journal-continuity', up: addJournalContinuity },
  { name: '005-exposures', up: exposuresMigration },
  { name: '006-comparison-sums', up: createComparisonSums },
]

async function createInferenceTables(db: Kysely<Record<string, never>>): Promise<void> {
  await db.schema
    .createTable('ingest')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('journal_offset', 'bigint', (c) => c.notNull())
    .addColumn('next_pid', 'bigint', (c) => c.notNull())
    .execute()
  await db.schema
    .createTable('requests')
    .addColumn('pid', 'bigint', (c) => c.primaryKey())
    .addColumn('request_id', 'text', (c) => c.notNull())
    .addColumn('row', 'integer', (c) => c.notNull())
    .addColumn('model', 'text', (c) => c.notNull())
    .addColumn('time', 'bigint', (c) => c.notNull())
    .addColumn('version', 'text')
    .execute()
  await db.schema.createIndex('requests_by_id').on('requests').columns(['request_id', 'row', 'model']).unique().execute()
  await db.schema.createIndex('requests_by_time').on('requests').columns(['model', 'time']).execute()
  await db.schema
    .createTable('scores')
    .addColumn('pid', 'bigint', (c) => c.notNull())
    .addColumn('alias', 'text', (c) => c.notNull())
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('answered', 'integer', (c) => c.notNull())
    .addColumn('ordinal', 'bigint', (c) => c.notNull())
    .addColumn('score', 'double precision', (c) => c.notNull())
    .addPrimaryKeyConstraint('scores_key', ['pid', 'alias', 'version'])
    .execute()
  await db.schema
    .createTable('inputs')
    .addColumn('pid', 'bigint', (c) => c.primaryKey())
    .addColumn('columns_id', 'integer', (c) => c.notNull())
    .addColumn('vals', 'text', (c) => c.notNull())
    .execute()
  await db.schema
    .createTable('columns')
    .addColumn('columns_id', 'integer', (c) => c.primaryKey())
    .addColumn('names', 'text', (c) => c.notNull().unique())
    .execute()
  await db.schema
    .createTable('labels')
    .addColumn('request_id', 'text', (c) => c.notNull())
    .addColumn('row', 'integer', (c) => c.notNull())
    .addColumn('label', 'double precision', (c) => c.notNull())
    .addColumn('time', 'bigint', (c) => c.notNull())
    .addColumn('joined', 'integer', (c) => c.notNull())
    .addPrimaryKeyConstraint('labels_key', ['request_id', 'row'])
    .execute()
  await sql`create index labels_pending on labels (time) where joined = 0`.execute(db)
  await db.schema
    .createTable('truths')
    .addColumn('pid', 'bigint', (c) => c.primaryKey())
    .addColumn('label', 'double precision', (c) => c.notNull())
    .addColumn('time', 'bigint', (c) => c.notNull())
    .execute()
  await db.schema
    .createTable('lake_days')
    .addColumn('model', 'text', (c) => c.notNull())
    .addColumn('day', 'bigint', (c) => c.notNull())
    .addColumn('rows', 'integer', (c) => c.notNull())
    .addColumn('last_pid', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('lake_days_key', ['model', 'day'])
    .execute()
}

async function createReportTables(db: Kysely<Record<string, never>>): Promise<void> {
  await db.schema
    .createTable('reports')
    .addColumn('report_id', 'text', (c) => c.primaryKey())
    .addColumn('model', 'text', (c) => c.notNull())
    .addColumn('window_start', 'bigint', (c) => c.notNull())
    .addColumn('window_end', 'bigint', (c) => c.notNull())
    .addColumn('final', 'integer', (c) => c.notNull())
    .addColumn('degraded_at', 'bigint', (c) => c.notNull())
    .addColumn('drifted_at', 'bigint', (c) => c.notNull())
    .addColumn('reference_version', 'text')
    .addColumn('report', 'text', (c) => c.notNull())
    .execute()
  await db.schema.createIndex('reports_by_window').on('reports').columns(['model', 'window_start']).unique().execute()
  await db.schema
    .createTable('policies')
    .addColumn('model', 'text', (c) => c.primaryKey())
    .addColumn('processed_until', 'bigint', (c) => c.notNull())
    .addColumn('last_training', 'bigint')
    .execute()
  await db.schema
    .createTable('candidates')
    .addColumn('candidate_id', 'text', (c) => c.primaryKey())
    .addColumn('model', 'text', (c) => c.notNull())
    .addColumn('version', 'text')
    .addColumn('execution_id', 'text')
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('requested_at', 'bigint', (c) => c.notNull())
    .addColumn('shadow_from', 'bigint')
    .addColumn('shadow_until', 'bigint')
    .addColumn('decided_at', 'bigint')
    .addColumn('champion', 'text')
    .addColumn('gates', 'text', (c) => c.notNull())
    .execute()
}

async function addJournalContinuity(db: Kysely<Record<string, never>>): Promise<void> {
  await db.schema.alterTable('ingest').addColumn('marks', 'text', (c) => c.notNull().defaultTo('[]')).execute()
  await db.schema.alterTable('ingest').addColumn('ordinal_base', 'bigint', (c) => c.notNull().defaultTo(0)).execute()
  await db.schema.alterTable('ingest').addColumn('blocked', 'integer', (c) => c.notNull().defaultTo(0)).execute()
}

async function createComparisonSums(...[db, capabilities]: Parameters<Migration['up']>): Promise<void> {
  await comparisonSumsMigration(db, capabilities)
  // By now it has all the tables that are asked.
  await addAllTerms(db as Kysely<MonitorSchema | Record<string, never>> as Kysely<MonitorSchema>)
}
