import type { ProjectConfig } from '../domain/config.ts'
import type { ServiceDefinition } from '../platform/service/index.ts'
import { guardRoutes } from './access/index.ts'
import { artifactRootOf, openArtifacts } from './artifact-store.ts'
import type { TrainingContext } from './context.ts'
import { migrations } from './migrations.ts'
import { registerEndpoints } from './mlflow/routes.ts'
import { registryEndpoints } from './registry/index.ts'
import type { TrackingSchema } from './tables.ts'
import { ensureDefaultExperiment, registerArtifactStreams, registerProbes, trackingEndpoints } from './tracking/index.ts'

/** Experiments, runs, artifacts and the model registry, over MLflow's REST API. */
export const trackingService: ServiceDefinition<TrackingSchema, ProjectConfig> = {
  name: 'tracking',
  longBodies: true,
  migrations,
  start: async ({ db, outbox, clock, http, config, projectFolder, folder }) => {
    const context: TrainingContext = { db, outbox, clock, blobs: openArtifacts({ config, projectFolder, folder }), artifactRoot: artifactRootOf(config) }
    await ensureDefaultExperiment(context)
    guardRoutes(http)
    registerProbes(http)
    await registerEndpoints(http, [...trackingEndpoints(context), ...registryEndpoints(context)])
    await registerArtifactStreams(http, context)
    return { waitingFor: () => Promise.resolve([]), stop: () => Promise.resolve() }
  },
}
