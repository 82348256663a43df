import Type from 'typebox'
import type { TrainingContext } from '../context.ts'
import { type Endpoint, endpoint } from '../mlflow/routes.ts'
import { importRegistered } from './registry.ts'
import * as schema from './schema.ts'
import { importExperiment, importMetrics, importModels, importRuns } from './service.ts'
import * as store from './store.ts'

const IMPORT = '/2.0/millrace/import'

/** What `millrace import` writes with. They are for the operator: the gateway does not pass them on. */
export function importEndpoints(context: TrainingContext): readonly Endpoint[] {
  const { db } = context
  return [
    endpoint('GET', `${IMPORT}/totals`, Type.Object({}), () => store.totals(db.kysely)),
    endpoint('POST', `${IMPORT}/experiment`, schema.experiment, ({ experiment }) => importExperiment(context, experiment)),
    endpoint('POST', `${IMPORT}/runs`, schema.runs, async ({ runs }) => ({ placed: await importRuns(context, runs) })),
    endpoint('POST', `${IMPORT}/metrics`, schema.metrics, async ({ metrics }) => {
      await importMetrics(context, metrics)
      return {}
    }),
    endpoint('POST', `${IMPORT}/logged-models`, schema.models, async ({ models }) => ({ placed: await importModels(context, models) })),
    endpoint('POST', `${IMPORT}/registered-model`, schema.registered, async ({ model, versions }) => {
      await importRegistered(context, model, versions)
      return {}
    }),
    endpoint('POST', `${IMPORT}/marks`, schema.marks, async ({ source, marks }) => {
      await db.transaction((trx) => store.putMarks(trx, source, marks))
      return {}
    }),
    endpoint('POST', `${IMPORT}/find-marks`, schema.findMarks, async ({ source, kind, ids }) => ({ marks: await store.findMarks(db.kysely, source, kind, ids) })),
  ]
}
