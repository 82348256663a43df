import { type Kysely, sql } from 'kysely'
import type { DatabaseCapabilities, Migration } from '../../../platform/db/index.ts'

const COLUMNS = {
  metrics: 'run_id, key, timestamp, step, value, is_nan',
  params: 'run_id, key, value',
  run_tags: 'run_id, key, value',
} as const

const LATEST = COLUMNS.metrics
const TABLES = [...Object.keys(COLUMNS), 'latest_metrics']
const OWNER = 'run_id text not null references runs on delete cascade, key text not null'
const POINT = 'timestamp bigint not null, step bigint not null, value double precision not null, is_nan integer not null'

function statements({ clustered, byteOrder }: DatabaseCapabilities): readonly string[] {
  const order = byteOrder === 'binary' ? '' : ` collate ${byteOrder}`
  const text = (table: string) => [
    `create table ${table} (${OWNER}, value text not null, primary key (run_id, key)) ${clustered}`,
    // Values may be longer than a B-tree entry may be in PostgreSQL (2,704 bytes): the index holds their beginning.
    `create index ${table}_by_start on ${table} (key, (substr(value, 1, 200))${order})`,
  ]
  return [
    `alter table runs add column revision bigint not null default 0`,
    `create table run_documents (run_id text primary key references runs on delete cascade, revision bigint not null, document text not null)`,
    `drop index latest_metrics_by_value`,
    `drop index params_by_value`,
    `drop index run_tags_by_value`,
    ...TABLES.map((table) => `alter table ${table} rename to old_${table}`),
    // In the order in which a history is read.
    `create table metrics (${OWNER}, ${POINT}, primary key (run_id, key, timestamp, step, is_nan, value)) ${clustered}`,
    `create table latest_metrics (${OWNER}, ${POINT}, experiment_id bigint not null, primary key (run_id, key)) ${clustered}`,
    `create index latest_metrics_in_order on latest_metrics (experiment_id, key, is_nan, value, run_id)`,
    ...text('params'),
    ...text('run_tags'),
    ...Object.entries(COLUMNS).map(([table, columns]) => `insert into ${table} (${columns}) select ${columns} from old_${table}`),
    `insert into latest_metrics (${LATEST}, experiment_id) select ${LATEST}, experiment_id from old_latest_metrics inner join runs using (run_id)`,
    ...TABLES.map((table) => `drop table old_${table}`),
  ]
}

/** What makes searches and whole runs fast: a document of each run, tables that lie in the order in which they are read, indexes in the order of results. */
export const runDocuments: Migration = {
  name: '009-run-documents',
  up: async (db: Kysely<Record<string, never>>, capabilities) => {
    for (const statement of statements(capabilities)) await sql.raw(statement).execute(db)
  },
}
