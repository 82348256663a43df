import type { Transaction } from 'kysely'
import type { KeyValue } from '../../../api/tracking.ts'
import type { Database, Outcome } from '../../../platform/db/index.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import type { TrackingSchema } from '../../tables.ts'
import { requireStage } from '../experiments/service.ts'
import { FIND_EXPERIMENTS, INSERT_RUNS, UPSERT_TAGS } from './statements.ts'

export interface NewRun {
  readonly runId: string
  readonly experimentId: number
  readonly name: string
  readonly userId: string
  readonly startTime: number
  readonly tags: readonly KeyValue[]
}

/** Adds runs, each to its experiment, which must be active. Answers with the places of their artifacts. */
export async function commitRuns(db: Database<TrackingSchema>, trx: Transaction<TrackingSchema>, runs: readonly NewRun[]): Promise<readonly Outcome<string>[]> {
  const ids = [...new Set(runs.map(({ experimentId }) => experimentId))]
  const experiments = new Map((await db.each(trx, FIND_EXPERIMENTS, ids.map((id) => [id]))).map(([id, stage, location]) => [id, { stage, location }]))
  const outcomes = runs.map(({ runId, experimentId }): Outcome<string> => {
    const experiment = experiments.get(experimentId)
    if (experiment === undefined) return { error: new MillraceError('NOT_FOUND', `No Experiment with id=${experimentId} exists`) }
    const error = requireStage(String(experimentId), experiment.stage)
    return error === undefined ? { result: `${experiment.location}/${runId}/artifacts` } : { error }
  })
  const rows: (string | number)[][] = []
  const tags: string[][] = []
  for (const [i, run] of runs.entries()) {
    const outcome = outcomes[i]
    if (outcome === undefined || 'error' in outcome) continue
    rows.push([run.runId, run.experimentId, run.name, run.userId, 'RUNNING', run.startTime, outcome.result, 'active'])
    for (const { key, value } of run.tags) tags.push([run.runId, key, value])
  }
  if (rows.length > 0) await db.each(trx, INSERT_RUNS, rows)
  if (tags.length > 0) await db.each(trx, UPSERT_TAGS, tags)
  return outcomes
}
