import type { Arm } from '../../api/rollouts.ts'
import type { Migration } from '../../platform/db/index.ts'

export interface ComparisonTables {
  /** Requests that met a rollout; `randomised`: 1 where a hash of their key decided, 0 where their caller did. */
  exposures: { pid: number; rollout: string; arm: Arm; randomised: number }
  /** See `Group` in sums.ts: how many requests, the sum of their losses or gains, and that of their squares around the centre of such. */
  comparison_sums: { rollout: string; arm: Arm; version: string; shadow: string; count: number; sum: number; squares: number }
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

export const comparisonSumsMigration: Migration['up'] = async (db) => {
  await db.schema
    .createTable('comparison_sums')
    .addColumn('rollout', 'text', (c) => c.notNull())
    .addColumn('arm', 'text', (c) => c.notNull())
    .addColumn('version', 'text', (c) => c.notNull())
    .addColumn('shadow', 'text', (c) => c.notNull())
    .addColumn('count', 'bigint', (c) => c.notNull())
    .addColumn('sum', 'double precision', (c) => c.notNull())
    .addColumn('squares', 'double precision', (c) => c.notNull())
    .addPrimaryKeyConstraint('comparison_sums_key', ['rollout', 'arm', 'version', 'shadow'])
    .execute()
}
