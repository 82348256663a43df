import Type from 'typebox'
import type { Kysely } from 'kysely'
import type { Migration } from '../../platform/db/index.ts'

/** The tables of events.db. One writer: the gateway. */
export interface EventLogSchema {
  log_events: {
    /** Orders all sources; counts from 1 without a gap. */
    position: number
    /** The feed that it came from: the name of a service, or `project`. */
    source: string
    seq: number
    type: string
    subject: string
    /** Wall time of the event, milliseconds. */
    time: number
    hash: string
    /** The event as it was pulled, JSON. */
    event: string
    /** In words: why it does not follow the event before it in its source. null when it does. */
    broken: string | null
  }
  log_head: { id: number; position: number }
  log_sources: { source: string; seq: number; hash: string }
}

export const eventLogMigrations: readonly Migration[] = [{ name: '001-event-log', up: createEventLogTables }]

async function createEventLogTables(db: Kysely<Record<string, never>>): Promise<void> {
  await db.schema
    .createTable('log_events')
    .addColumn('position', 'bigint', (c) => c.primaryKey())
    .addColumn('source', 'text', (c) => c.notNull())
    .addColumn('seq', 'bigint', (c) => c.notNull())
    .addColumn('type', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('time', 'bigint', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('event', 'text', (c) => c.notNull())
    .addColumn('broken', 'text')
    .addUniqueConstraint('log_events_source_seq', ['source', 'seq'])
    .execute()
  await db.schema.createIndex('log_events_type').on('log_events').columns(['type', 'position']).execute()
  await db.schema.createIndex('log_events_subject').on('log_events').columns(['subject', 'position']).execute()
  await db.schema
    .createTable('log_head')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('position', 'bigint', (c) => c.notNull())
    .execute()
  await db.schema
    .createTable('log_sources')
    .addColumn('source', 'text', (c) => c.primaryKey())
    .addColumn('seq', 'bigint', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .execute()
}

/** What an outbox must answer for its events to be taken into the log. `data` stays as it is: its hash covers it. */
export const outboxPageSchema = Type.Object({
  events: Type.Array(
    Type.Object({
      specversion: Type.Literal('1.0'),
      id: Type.String({ minLength: 1 }),
      source: Type.String({ minLength: 1 }),
      type: Type.String({ pattern: '^dev\\.millrace\\.[a-z_.]+$' }),
      time: Type.String({ format: 'date-time' }),
      subject: Type.String(),
      datacontenttype: Type.Literal('application/json'),
      data: Type.Object({}),
      projecttime: Type.String({ format: 'date-time' }),
      seq: Type.Integer({ minimum: 1 }),
      previoushash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
      hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    }),
  ),
})

const types = Type.String({ default: '', description: 'Event types, comma-separated; empty for all' })

export const eventsQuery = Type.Object({
  after: Type.Optional(Type.Integer({ minimum: 0, description: 'Oldest first, from the event after this position. Absent: newest first' })),
  before: Type.Optional(Type.Integer({ minimum: 1, description: 'Newest first, from the event before this position' })),
  types,
  type: Type.Optional(Type.String({ description: 'One event type' })),
  subject: Type.Optional(Type.String({ description: 'What the event is about' })),
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: 500 }),
  wait: Type.Number({ minimum: 0, maximum: 60, default: 0, description: 'With `after`: seconds to wait for a first event' }),
})

export const streamQuery = Type.Object({
  after: Type.Optional(Type.Integer({ minimum: 0, description: 'Position to go on from when there is no Last-Event-ID; absent: only what is new' })),
  types,
})
