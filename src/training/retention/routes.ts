import type { TrainingContext } from '../context.ts'
import { type Endpoint, endpoint } from '../mlflow/routes.ts'
import { author, callerOf } from '../registry/caller.ts'
import * as schema from './schema.ts'
import { collect, plan, wanted } from './service.ts'

/** What `millrace gc` asks. They are for the operator: the gateway does not pass them on. */
export function retentionEndpoints(context: TrainingContext): readonly Endpoint[] {
  return [
    endpoint('POST', '/2.0/millrace/gc/plan', schema.plan, async ({ page_token, ...selection }) => plan(context, await wanted(context, selection), page_token)),
    endpoint('POST', '/2.0/millrace/gc/collect', schema.plan, async ({ page_token, ...selection }, request) =>
      collect(context, await wanted(context, selection), page_token, author(callerOf(request, context.clock))),
    ),
  ]
}
