import type { HttpServer } from '../../platform/http/index.ts'
import type { TrainingContext } from '../context.ts'
import type { Endpoint } from '../mlflow/routes.ts'
import { artifactEndpoints } from './artifacts/routes.ts'
import { datasetEndpoints } from './datasets/index.ts'
import { experimentEndpoints } from './experiments/routes.ts'
import { loggedModelEndpoints } from './logged-models/routes.ts'
import { metricSampleEndpoints } from './metric-samples/index.ts'
import { runEndpoints } from './runs/routes.ts'
import { MLFLOW_VERSION, serverInfoEndpoints } from './server-info.ts'
import { traceEndpoints } from './traces/index.ts'
import { summaryEndpoints } from './summaries/index.ts'

export { registerArtifactStreams } from './artifacts/routes.ts'
export { registerOtlp } from './traces/index.ts'
export { ensureDefaultExperiment } from './experiments/service.ts'

export function trackingEndpoints(context: TrainingContext): readonly Endpoint[] {
  return [
    ...experimentEndpoints(context),
    ...datasetEndpoints(context),
    ...runEndpoints(context),
    ...metricSampleEndpoints(context),
    ...summaryEndpoints(context),
    ...loggedModelEndpoints(context),
    ...artifactEndpoints(context),
    ...traceEndpoints(context),
    ...serverInfoEndpoints(context),
  ]
}

/** `/health` and `/version` as MLflow's server answers them: plain text. */
export function registerProbes(http: HttpServer): void {
  http.get('/health', { schema: { tags: ['control'] } }, (_request, reply) => reply.type('text/plain; charset=utf-8').send('OK'))
  http.get('/version', { schema: { tags: ['mlflow'] } }, (_request, reply) => reply.type('text/plain; charset=utf-8').send(MLFLOW_VERSION))
}
