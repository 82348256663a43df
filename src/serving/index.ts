import { join, resolve } from 'node:path'
import { createTransport } from '../../sdk/http.ts'
import { featuresClient } from '../../sdk/features.ts'
import { type DeploymentConfig, type ProjectConfig, projectConfigSchema } from '../domain/config.ts'
import { parseConfig } from '../platform/config/index.ts'
import { MillraceError } from '../platform/errors/index.ts'
import { createHostCheck } from '../platform/http/index.ts'
import type { ServiceContext, ServiceDefinition, ServiceInstance } from '../platform/service/index.ts'
import type { CallOptions } from './grpc/calls.ts'
import type { GrpcServer } from './grpc/index.ts'
import { Journal } from './journal/journal.ts'
import { Tally } from './journal/tally.ts'
import { createHotPath } from './protocols/hot-path.ts'
import { Deployment } from './routing/deployment.ts'
import { ModelCache } from './routing/model-cache.ts'
import { LATEST, ModelRepository } from './routing/model-repository.ts'
import { registryAt } from './routing/registry.ts'
import { Router } from './routing/router.ts'
import { type ServingSchema, migrations } from './routing/store.ts'
import { registerRoutes } from './routes.ts'
import type { AskFeatures, LookupObserver } from './runtime/lookup.ts'
import { ServingMetrics } from './runtime/metrics.ts'
import { DataPlane } from './runtime/plane.ts'

/** Bytes of one request. Parsed JSON takes many times its size, and several are parsed at once in a heap of half a gigabyte. */
const LARGEST_PREDICTION = 2 * 1024 * 1024

/** Predictions: the versions behind the aliases of `deployments`, and the journal of what they answered. */
export const servingService: ServiceDefinition<ServingSchema, ProjectConfig> = { name: 'serving', migrations, start }

const DRAIN_MS = 10_000

async function start(context: ServiceContext<ServingSchema, ProjectConfig>): Promise<ServiceInstance> {
  const { config, folder, log, clock } = context
  let stopping = false
  let polling: NodeJS.Timeout | undefined
  const journal = Journal.open({
    folder: join(folder, 'journal'),
    durability: config.durability,
    onRecovery: (recovery) => log.warn(recovery, 'the end of the journal was torn and was set aside'),
  })
  const metrics = new ServingMetrics(context.metrics, {
    queues: () => deployments.map((deployment) => ({ model: deployment.name, waiting: deployment.waiting })),
    live: () =>
      deployments.flatMap((deployment) =>
        deployment.slots.flatMap((slot) => (slot.live ? [{ model: slot.model, alias: slot.alias, version: slot.live.version }] : [])),
      ),
    journalHead: () => journal.head,
  })
  const repository = config.model_repository === undefined ? null : new ModelRepository(resolve(context.projectFolder, config.model_repository))
  const deployments = makeDeployments(context, metrics, repository)
  const registry = repository ?? registryAt(createTransport(context.url('tracking'), { timeoutMs: 10_000 }))
  const router = new Router({
    deployments,
    registry,
    cache: repository ?? new ModelCache(join(folder, 'models'), registry),
    db: context.db,
    outbox: context.outbox,
    clock,
    metrics,
    log,
  })
  const plane = new DataPlane(journal, metrics, log)
  const hotPath = createHotPath({
    plane,
    deployments,
    find: (model) => router.find(model),
    clock,
    metrics,
    log,
    bodyLimit: Math.min(config.http.body_limit, LARGEST_PREDICTION),
    hostAllowed: createHostCheck(config.http.allowed_hosts),
    stopping: () => stopping,
  })
  await registerRoutes(context.http, { router, repository, journal, hotPath })
  context.take(hotPath)
  const tally = new Tally(context.db, journal, log, deployments)
  await tally.start()
  await router.start()
  const grpc = await openGrpc(config, { router, repository, plane, clock, metrics, log, stopping: () => stopping })
  // The aliases of a repository do not move: it is looked at when a load is asked for.
  if (!repository) {
    context.follow('serving', ['dev.millrace.model.alias.moved'], async ({ event }) => {
      const { data } = event
      if ('alias' in data) router.moved(data.model, data.alias)
    })
    // An MLflow server tells nobody of its moves.
    if (config.tracking?.external !== undefined) polling = setInterval(() => lookAgain(router, deployments), POLL_MS)
  }
  return {
    waitingFor: async () => [
      ...router.waitingFor(),
      ...deployments.filter((deployment) => deployment.shadowing > 0).map((deployment) => `predictions in shadow for ${deployment.name}`),
    ],
    stop: async () => {
      stopping = true
      clearInterval(polling)
      await Promise.all([drain(deployments), grpc?.stop()])
      await router.stop()
      await tally.stop()
      journal.close()
    },
  }
}

/** How late a move at an MLflow server is noticed at most. */
const POLL_MS = 2000

function lookAgain(router: Router, deployments: readonly Deployment[]): void {
  for (const { slots } of deployments) for (const { model, alias } of slots) router.moved(model, alias)
}

/** Imported only where it is asked for: it takes 30 MB. */
async function openGrpc({ services: { serving }, http }: ProjectConfig, calls: CallOptions): Promise<GrpcServer | undefined> {
  if (serving.grpc_port === undefined) return undefined
  const { startGrpc } = await import('./grpc/index.ts')
  return startGrpc({ ...calls, host: serving.host, port: serving.grpc_port, messageLimit: Math.min(http.body_limit, LARGEST_PREDICTION) })
}

function makeDeployments(context: ServiceContext<ServingSchema, ProjectConfig>, metrics: ServingMetrics, repository: ModelRepository | null): readonly Deployment[] {
  const { config, log } = context
  const features = featuresClient(createTransport(context.url('features')))
  const ask: AskFeatures = (request, timeoutMs) => features.getOnlineFeatures(request, { timeoutMs })
  const observer: LookupObserver = {
    asked: (rows, seconds) => metrics.lookedUp(rows, seconds),
    failed: (rows, reason) => {
      metrics.lookupFailed(rows)
      log.warn({ rows, reason }, 'online features were not to be had in time')
    },
  }
  const names = new Set<string>()
  return deploymentsOf(config, repository).map((deployment) => {
    if (names.has(deployment.model)) throw new MillraceError('CONFIG_INVALID', `deployments: ${deployment.model} stands there twice; one deployment has one alias that answers`)
    names.add(deployment.model)
    return new Deployment(deployment, ask, observer)
  })
}

/** What is to be served: of a repository all models, with the settings that the configuration has for them. */
function deploymentsOf(config: ProjectConfig, repository: ModelRepository | null): readonly DeploymentConfig[] {
  if (!repository) return config.deployments
  if (config.deployments.length > 0) return config.deployments.map((deployment) => ({ ...deployment, alias: LATEST, shadow: [] }))
  const all = { project: config.project, deployments: repository.models().map((model) => ({ model, alias: LATEST })) }
  return parseConfig(projectConfigSchema, JSON.stringify(all), 'model_repository', {}).deployments
}

/** Waits for what was accepted, but not for ever: a caller that reads nothing must not keep the service from stopping. */
async function drain(deployments: readonly Deployment[]): Promise<void> {
  const deadline = Date.now() + DRAIN_MS
  while (deployments.some((deployment) => deployment.waiting + deployment.shadowing > 0) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
