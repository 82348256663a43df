import type { Transaction } from 'kysely'
import type { Database, Migration } from '../../platform/db/index.ts'
import { type EventsSchema, createEventsTables } from '../../platform/events/outbox.ts'
import { type RolloutTables, rolloutMigration } from '../rollout/tables.ts'

/** What is rolled out behind each alias: enough to serve again after a restart with no other service up. */
export interface ServingSchema extends EventsSchema, RolloutTables {
  rollouts: {
    model: string
    alias: string
    /** The version that answers; null when none does. */
    version: string | null
    /** Tells a version from another of the same number, after a model was deleted and made again. */
    identity: string | null
    /** Project time, milliseconds. */
    swapped_at: number | null
    failed_version: string | null
    failed_reason: string | null
  }
  /** Predictions ever made, up to an offset of the journal. */
  tallies: { model: string; predictions: number; journal_offset: number }
}

export type RolloutRow = ServingSchema['rollouts']

export const migrations: readonly Migration[] = [
  { name: '001-events', up: createEventsTables },
  {
    name: '002-rollouts',
    up: async (db) => {
      await db.schema
        .createTable('rollouts')
        .addColumn('model', 'text', (c) => c.notNull())
        .addColumn('alias', 'text', (c) => c.notNull())
        .addColumn('version', 'text')
        .addColumn('identity', 'text')
        .addColumn('swapped_at', 'bigint')
        .addColumn('failed_version', 'text')
        .addColumn('failed_reason', 'text')
        .addPrimaryKeyConstraint('rollouts_key', ['model', 'alias'])
        .execute()
    },
  },
  {
    name: '003-tallies',
    up: async (db) => {
      await db.schema
        .createTable('tallies')
        .addColumn('model', 'text', (c) => c.primaryKey())
        .addColumn('predictions', 'bigint', (c) => c.notNull())
        .addColumn('journal_offset', 'bigint', (c) => c.notNull())
        .execute()
    },
  },
  { name: '004-progressive-rollouts', up: rolloutMigration },
]

export function readRollouts(db: Database<ServingSchema>): Promise<readonly RolloutRow[]> {
  return db.kysely.selectFrom('rollouts').selectAll().execute()
}

export async function writeRollout(trx: Transaction<ServingSchema>, row: RolloutRow): Promise<void> {
  const { model, alias, ...state } = row
  await trx
    .insertInto('rollouts')
    .values({ model, alias, ...state })
    .onConflict((c) => c.columns(['model', 'alias']).doUpdateSet(state))
    .execute()
}
