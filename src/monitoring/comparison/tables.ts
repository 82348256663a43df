import type { Arm } from '../../api/rollouts.ts'
import type { Migration } from '../../platform/db/index.ts'

export interface ComparisonTables {
  /** Requests that met a rollout; `randomised`: 1 where a hash of their key decided, 0 where their caller did. */
  exposures: { pid: number; rollout: string; arm: Arm; randomised: number }
}

export const exposuresMigration: Migration['up'] = async (db) => {
  await db.schema
    .createTable('exposures')
    .addColumn('pid', 'bigint', (c) => c.primaryKey())
    .addColumn('rollout', 'text', (c) => c.notNull())
    .addColumn('arm', 'text', (c) => c.notNull())
    .addColumn('randomised', 'integer', (c) => c.notNull())
    .execute()
  await db.schema.createIndex('exposures_by_rollout').on('exposures').columns(['rollout', 'pid']).execute()
}
