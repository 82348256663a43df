import { createHash } from 'node:crypto'
import { openDatabase } from '../../src/platform/db/index.ts'
import { migrations } from '../../src/training/migrations.ts'
import type { TrackingSchema } from '../../src/training/tables.ts'
import { INSERT_METRICS, INSERT_PARAMS, INSERT_RUNS, UPSERT_LATEST, UPSERT_TAGS } from '../../src/training/tracking/runs/statements.ts'
import { contentOf } from './client.ts'

const RUNS_AT_ONCE = 1000

/**
 * Writes runs `from` to `to` with their content straight into the database of a tracking service that does not run: over HTTP 100,000 would take minutes. Their
 * ids are scattered as those of real runs are, and are written in order of them, which is only faster.
 */
export async function seed(url: string, experimentId: string, from: number, to: number): Promise<void> {
  const db = await openDatabase<TrackingSchema>({ url, schema: 'tracking', migrations })
  try {
    const runs = Array.from({ length: to - from }, (_, i) => ({ i: i + from, id: createHash('sha256').update(`run ${i + from}`).digest('hex').slice(0, 32) })).sort((a, b) => (a.id < b.id ? -1 : 1))
    for (let at = 0; at < runs.length; at += RUNS_AT_ONCE) {
      const chunk = runs.slice(at, at + RUNS_AT_ONCE).map(({ i, id }) => ({ i, id, ...contentOf(i) }))
      await db.transaction(async (trx) => {
        await db.each(trx, INSERT_RUNS, chunk.map(({ i, id }) => [id, Number(experimentId), `run ${i}`, 'ada', 'FINISHED', 1_764_000_000_000 + i, `mlflow-artifacts:/${experimentId}/${id}/artifacts`, 'active']))
        const points = chunk.flatMap(({ id, metrics }) => metrics.map(({ key, value, timestamp, step }) => [id, key, timestamp, step, value, 0]))
        await db.each(trx, INSERT_METRICS, points)
        await db.each(trx, UPSERT_LATEST, points.map((point) => [...point, Number(experimentId)]))
        await db.each(trx, INSERT_PARAMS, chunk.flatMap(({ id, params }) => params.map(({ key, value }) => [id, key, value])))
        await db.each(trx, UPSERT_TAGS, chunk.flatMap(({ id, i, tags }) => [...tags, { key: 'mlflow.runName', value: `run ${i}` }].map(({ key, value }) => [id, key, value])))
      })
    }
  } finally {
    await db.close()
  }
}

const [, script, url, experimentId, from, to] = process.argv
if (script === import.meta.filename && url !== undefined && experimentId !== undefined) await seed(url, experimentId, Number(from), Number(to))
