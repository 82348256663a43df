import type { DuckDBConnection } from '@duckdb/node-api'
import { sql } from 'kysely'
import type { EventLogSchema } from '../../gateway/event-log/schema.ts'
import type { MonitorSchema } from '../../monitoring/tables.ts'
import { databaseUrl } from '../../platform/config/index.ts'
import type { ReadOnly } from '../../platform/db/read.ts'
import type { Project } from '../project.ts'

const PAGE = 5000

/** Copies the monitor's labels into DuckDB, page by page: what does not fit into its memory it spills. */
export async function loadLabels(connection: DuckDBConnection, project?: Project): Promise<void> {
  await connection.run('create table labels (id VARCHAR, "row" INTEGER, label DOUBLE, "time" TIMESTAMP)')
  const database = project && (await openMonitor(project))
  if (!database) return
  try {
    for (let last = { request_id: '', row: -1 }; ; ) {
      const { rows } = await sql<MonitorSchema['labels']>`select request_id, "row", label, "time" from labels
        where (request_id, "row") > (${last.request_id}, ${last.row}) order by request_id, "row" limit ${PAGE}`.execute(database.kysely)
      await append(connection, 'labels', rows.map(({ request_id, row, label, time }) => [request_id, row, label, time]))
      const end = rows.at(-1)
      if (!end || rows.length < PAGE) return
      last = { request_id: end.request_id, row: end.row }
    }
  } finally {
    await database.close()
  }
}

/** Copies the event log into DuckDB. */
export async function loadEvents(connection: DuckDBConnection, project?: Project): Promise<void> {
  await connection.run(`create table events ("position" BIGINT, source VARCHAR, type VARCHAR, subject VARCHAR, "time" TIMESTAMP, project_time TIMESTAMP, data JSON)`)
  const database = project && (await openEvents(project))
  if (!database) return
  await connection.run(`create table read_events ("position" BIGINT, source VARCHAR, type VARCHAR, subject VARCHAR, "time" BIGINT, event VARCHAR)`)
  try {
    for (let last = 0; ; ) {
      const rows = await database.kysely.selectFrom('log_events').selectAll().where('position', '>', last).orderBy('position').limit(PAGE).execute()
      await append(connection, 'read_events', rows.map(({ position, source, type, subject, time, event }) => [position, source, type, subject, time, event]))
      if (rows.length < PAGE) break
      last = rows.at(-1)?.position ?? last
    }
  } finally {
    await database.close()
  }
  await connection.run(`insert into events select "position", source, type, subject, epoch_ms("time"), (event->>'projecttime')::TIMESTAMPTZ::TIMESTAMP, event->'data' from read_events`)
  await connection.run('drop table read_events')
}

async function openMonitor({ config, folder }: Project): Promise<ReadOnly<MonitorSchema> | null> {
  const { openToRead } = await import('../../platform/db/read.ts')
  const { migrations } = await import('../../monitoring/tables.ts')
  return openToRead<MonitorSchema>({ url: databaseUrl(config, folder, 'monitor'), schema: 'monitor', migrations })
}

async function openEvents({ config, folder }: Project): Promise<ReadOnly<EventLogSchema> | null> {
  const { openToRead } = await import('../../platform/db/read.ts')
  const { eventLogMigrations } = await import('../../gateway/event-log/schema.ts')
  return openToRead<EventLogSchema>({ url: databaseUrl(config, folder, 'gateway', 'events'), schema: 'gateway_events', migrations: eventLogMigrations })
}

type Cell = string | number

async function append(connection: DuckDBConnection, table: string, rows: readonly (readonly Cell[])[]): Promise<void> {
  if (rows.length === 0) return
  const { DuckDBTimestampValue } = await import('@duckdb/node-api')
  const appender = await connection.createAppender(table)
  const types = await columnTypes(connection, table)
  for (const row of rows) {
    for (const [i, value] of row.entries()) {
      if (typeof value === 'string') appender.appendVarchar(value)
      else if (types[i] === 'DOUBLE') appender.appendDouble(value)
      else if (types[i] === 'INTEGER') appender.appendInteger(value)
      else if (types[i] === 'TIMESTAMP') appender.appendTimestamp(new DuckDBTimestampValue(BigInt(Math.round(value)) * 1000n))
      else appender.appendBigInt(BigInt(value))
    }
    appender.endRow()
  }
  appender.closeSync()
}

async function columnTypes(connection: DuckDBConnection, table: string): Promise<readonly string[]> {
  const described = await connection.runAndReadAll(`select data_type from duckdb_columns() where table_name = '${table}' order by column_index`)
  return described.getRows().map(([type]) => String(type))
}
