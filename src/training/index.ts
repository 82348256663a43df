import type { ProjectConfig } from '../domain/config.ts'
import type { ServiceDefinition } from '../platform/service/index.ts'
import { guardRoutes } from './access/index.ts'
import { artifactRootOf, openArtifacts, tidyArtifacts } from './artifact-store.ts'
import { registerConsoleLink } from './console-link.ts'
import type { TrainingContext } from './context.ts'
import { importEndpoints } from './transfer/index.ts'
import { migrations } from './migrations.ts'
import { registerEndpoints } from './mlflow/routes.ts'
import { gatesOf, policyOf, registryEndpoints } from './registry/index.ts'
import { retentionEndpoints } from './retention/index.ts'
import type { TrackingSchema } from './tables.ts'
import { Seals } from './tracking/artifacts/seals.ts'
import { ensureDefaultExperiment, registerArtifactStreams, registerOtlp, registerProbes, trackingEndpoints } from './tracking/index.ts'
import { startWebhooks } from './tracking/webhooks/index.ts'

/** Experiments, runs, artifacts and the model registry, over MLflow's REST API. */
export const trackingService: ServiceDefinition<TrackingSchema, ProjectConfig> = {
  name: 'tracking',
  longBodies: true,
  migrations,
  start: async ({ db, outbox, clock, http, log, config, projectFolder, folder, onStop }) => {
    const seals = new Seals(db)
    const artifacts = await openArtifacts({ config, projectFolder, folder })
    tidyArtifacts(artifacts, log)
    const context: TrainingContext = { db, outbox, clock, seals, blobs: seals.guard(artifacts), artifactRoot: artifactRootOf(config) }
    await ensureDefaultExperiment(context)
    guardRoutes(http)
    registerProbes(http)
    registerConsoleLink(http, config.services.gateway)
    const webhooks = startWebhooks(context, { allowHttp: config.webhooks.allow_http, allowPrivate: config.webhooks.allow_private }, log)
    onStop(() => webhooks.stop())
    await registerEndpoints(http, [...importEndpoints(context), ...retentionEndpoints(context), ...trackingEndpoints(context), ...webhooks.endpoints, ...registryEndpoints({ ...context, policy: policyOf(config.registry.permissions), gates: gatesOf(config.registry.gates) })])
    await registerArtifactStreams(http, context)
    await registerOtlp(http, context)
    return { waitingFor: () => Promise.resolve([]) }
  },
}
