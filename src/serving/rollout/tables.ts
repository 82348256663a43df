import type { Arm, RolloutPhase } from '../../api/rollouts.ts'
import type { Migration } from '../../platform/db/index.ts'

/** Times are project time in milliseconds. */
export interface RolloutTables {
  /** One row a model: its present rollout, or its last. */
  rollout_progress: {
    model: string
    rollout_id: string
    alias: string
    champion: string
    candidate_alias: string
    candidate: string
    phase: RolloutPhase
    step: number
    /** When the step began, less what it had lasted before a pause. */
    since: number
    /** Paused by somebody: how long the step had lasted. null: not paused, or at a step's own end. */
    held_ms: number | null
    reason: string
    actor: string
    started_at: number
    changed_at: number
    /** Goes up with each change: of two processes that decide at once, one changes nothing. */
    revision: number
  }
  /** How requests ended, by step and arm: see counts.ts. */
  rollout_counts: { rollout_id: string; step: number; arm: Arm; counter: number; count: number }
}

export const rolloutMigration: Migration['up'] = async (db) => {
  await db.schema
    .createTable('rollout_progress')
    .addColumn('model', 'text', (c) => c.primaryKey())
    .addColumn('rollout_id', 'text', (c) => c.notNull())
    .addColumn('alias', 'text', (c) => c.notNull())
    .addColumn('champion', 'text', (c) => c.notNull())
    .addColumn('candidate_alias', 'text', (c) => c.notNull())
    .addColumn('candidate', 'text', (c) => c.notNull())
    .addColumn('phase', 'text', (c) => c.notNull())
    .addColumn('step', 'integer', (c) => c.notNull())
    .addColumn('since', 'bigint', (c) => c.notNull())
    .addColumn('held_ms', 'bigint')
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('actor', 'text', (c) => c.notNull())
    .addColumn('started_at', 'bigint', (c) => c.notNull())
    .addColumn('changed_at', 'bigint', (c) => c.notNull())
    .addColumn('revision', 'integer', (c) => c.notNull())
    .execute()
  await db.schema
    .createTable('rollout_counts')
    .addColumn('rollout_id', 'text', (c) => c.notNull())
    .addColumn('step', 'integer', (c) => c.notNull())
    .addColumn('arm', 'text', (c) => c.notNull())
    .addColumn('counter', 'integer', (c) => c.notNull())
    .addColumn('count', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('rollout_counts_key', ['rollout_id', 'step', 'arm', 'counter'])
    .execute()
}
