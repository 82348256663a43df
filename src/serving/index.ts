import { join, resolve } from 'node:path'
import { createTransport } from '../../sdk/http.ts'
import { monitorClient } from '../../sdk/monitor.ts'
import { registryClient } from '../../sdk/registry.ts'
import { type ProjectConfig, durationMs } from '../domain/config.ts'
import { createHostCheck } from '../platform/http/index.ts'
import type { ServiceContext, ServiceDefinition, ServiceInstance } from '../platform/service/index.ts'
import type { CallOptions } from './grpc/calls.ts'
import type { GrpcServer } from './grpc/index.ts'
import { bodyLimitsOf, busyPollOf, deploymentsOf, drain, makeDeployments, onDemandOf, undeclared } from './deployments.ts'
import { Journal } from './journal/journal.ts'
import { Keeper } from './journal/keeper.ts'
import { Tally } from './journal/tally.ts'
import { Lifecycle, doorOf } from './limits/lifecycle.ts'
import { ANSWER_MS, servingStopMs } from './limits/stopping.ts'
import { createHotPath } from './protocols/hot-path.ts'
import { describeModels, servedModels } from './openapi/index.ts'
import type { Deployment } from './routing/deployment.ts'
import { ModelCache } from './routing/model-cache.ts'
import { ModelRepository } from './routing/model-repository.ts'
import { registryAt } from './routing/registry.ts'
import { Router } from './routing/router.ts'
import { type ServingSchema, migrations } from './routing/store.ts'
import { openVersions } from './routing/versions.ts'
import { registerRoutes } from './routes.ts'
import { Aliases, Rollouts, makeLanes, registerRolloutMetrics, registerRolloutRoutes } from './rollout/index.ts'
import { compareAt } from './rollout/quality.ts'
import { ServingMetrics } from './runtime/metrics.ts'
import { DataPlane } from './runtime/plane.ts'
import { interpreterAt } from './runtime/side/row-model.ts'
import type { Workers, WorkersOptions } from './workers/index.ts'

/** Predictions: the versions behind the aliases of `deployments`, and the journal of what they answered. */
export const servingService: ServiceDefinition<ServingSchema, ProjectConfig> = { name: 'serving', ownsFolder: true, migrations, stopMs: servingStopMs, start }

async function start(context: ServiceContext<ServingSchema, ProjectConfig>): Promise<ServiceInstance> {
  const { config, folder, log, clock, onStop } = context
  const lifecycle = new Lifecycle()
  const journal = Journal.open({
    folder: join(folder, 'journal'),
    durability: config.durability,
    onRecovery: (recovery) => log.warn(recovery, 'the end of the journal was torn and was set aside'),
  })
  onStop(() => journal.close())
  const metrics = new ServingMetrics(context.metrics, {
    queues: () => deployments.map((deployment) => ({ model: deployment.name, waiting: deployment.waiting, waitingBytes: deployment.waitingBytes, callers: deployment.quota?.callers ?? 0 })),
    live: () =>
      deployments.flatMap((deployment) =>
        deployment.slots.flatMap((slot) => (slot.live ? [{ model: slot.model, alias: slot.alias, version: slot.live.version, place: slot.live.place }] : [])),
      ),
    journalHead: () => journal.head,
  })
  const repository = config.model_repository === undefined ? null : new ModelRepository(resolve(context.projectFolder, config.model_repository))
  const configs = deploymentsOf(config, repository)
  const deployments = makeDeployments(configs, { url: context.url, log, metrics, projectFolder: context.projectFolder, folder })
  const registry = repository ?? registryAt(createTransport(context.url('tracking'), { timeoutMs: 10_000 }))
  const cache = repository ?? new ModelCache(join(folder, 'models'), registry)
  const onDemand = onDemandOf(config, repository)
  const versions = openVersions({
    deployments,
    makeUndeclared: (model) => undeclared({ ...config, on_demand: onDemand }, model, { url: context.url, log, metrics, projectFolder: context.projectFolder, folder }),
    config: onDemand,
    registry,
    ...(repository ? { exists: (model: string) => repository.has(model) } : {}),
    store: cache,
    lookAgainMs: repository ? Number.POSITIVE_INFINITY : config.tracking?.external === undefined ? LOOK_AGAIN_MS : POLL_MS,
    prometheus: context.metrics,
    metrics,
    log,
    python: { interpreter: interpreterAt(context.projectFolder, config.services.serving.python), log },
    journalFolder: join(folder, 'journal'),
    workers: config.services.serving.workers === 1 ? 0 : config.services.serving.workers,
  })
  const workers = await openWorkers({
    context,
    configs,
    deployments,
    journal,
    cache,
    presence: metrics.presence,
    observed: ({ arms = [], agreements = [] }) => {
      for (const report of arms) rollouts.counted(report)
      metrics.agreements.merge(agreements)
    },
  })
  const router = new Router({
    deployments,
    registry,
    cache,
    versions,
    ...(workers ? { spread: workers.spread } : {}),
    db: context.db,
    outbox: context.outbox,
    clock,
    metrics,
    log,
  })
  const rollouts: Rollouts = new Rollouts(makeLanes(config.deployments, deployments, repository === null, (model) => rollouts.failed(model)), {
    db: context.db,
    outbox: context.outbox,
    clock,
    log,
    aliases: new Aliases(registryClient(createTransport(context.url('tracking'), { timeoutMs: 10_000 })), clock, (model) => router.recheck(model)),
    agreement: (model, alias, version) => metrics.agreements.describe(model, alias, version),
    divided: async () => workers?.divided(),
    compare: compareAt(monitorClient(createTransport(context.url('monitor'), { timeoutMs: 60_000 }))),
  })
  registerRolloutMetrics(context.metrics, rollouts)
  const plane = new DataPlane(journal, metrics, log, context.tracing !== null)
  const hotPath = createHotPath({
    plane,
    deployments,
    locate: (model, reference) => versions.locator.locate(model, reference),
    addressOf: workers?.addressOf ?? (({ socket }) => socket.remoteAddress),
    clock,
    metrics,
    log,
    bodyLimits: bodyLimitsOf(config),
    hostAllowed: createHostCheck(config.http.allowed_hosts),
    lifecycle,
    tracing: context.tracing,
  })
  const tally = new Tally(context.db, journal, log, deployments, () => plane.flush())
  const { retention } = config.journal
  const keeper = new Keeper({
    journal,
    folder: join(folder, 'journal'),
    now: () => clock.project().getTime(),
    log,
    retentionMs: retention === undefined ? undefined : durationMs(retention),
    counted: () => tally.savedTo,
  })
  onStop(() => keeper.stop())
  await registerRoutes(context.http, { router, rollouts, repository, journal, keeper, hotPath: hotPath.take, lifecycle, jsonLimit: bodyLimitsOf(config).parsed })
  registerRolloutRoutes(context.http, rollouts)
  context.take(hotPath.take, hotPath.takeWhole, { busyPollMs: busyPollOf(config) })
  context.describe(() => describeModels(servedModels(router, repository !== null)))
  await tally.start()
  onStop(async () => {
    await tally.stop()
    plane.flush()
  })
  onStop(() => router.stop())
  await router.start()
  onStop(() => rollouts.stop())
  await rollouts.start()
  context.onClockMove(() => rollouts.wake())
  const grpc = openGrpc(config, { router, repository, plane, clock, metrics, log, lifecycle, tracing: context.tracing })
  onStop(async () => {
    // Nobody has heard of one that does not listen.
    await lifecycle.announce(context.http.server.listening ? durationMs(config.services.serving.drain) : 0)
    const deadline = Date.now() + ANSWER_MS
    const calls = grpc.then(
      (server) => server?.stop(),
      () => undefined,
    )
    // What they hand on is still answered here.
    await workers?.stop()
    await lifecycle.leave(doorOf(context.http.server))
    await Promise.all([drain(lifecycle, [...deployments, ...versions.locator.undeclared], deadline), calls])
  })
  await grpc
  // The aliases of a repository do not move: it is looked at when a load is asked for.
  if (!repository) {
    context.follow('serving', ['dev.millrace.model.alias.moved', 'dev.millrace.model.version.deleted', 'dev.millrace.model.deleted'], async ({ event }) => {
      const { data } = event
      if ('alias' in data) router.moved(data.model, data.alias)
      else if ('model' in data) router.changed(data.model)
    })
    // An MLflow server tells nobody of its moves.
    if (config.tracking?.external !== undefined) {
      const polling = setInterval(() => lookAgain(router, deployments), POLL_MS)
      onStop(() => clearInterval(polling))
    }
  }
  return {
    waitingFor: async () => [
      ...router.waitingFor(),
      ...rollouts.waitingFor(),
      ...new Set([...deployments.filter(({ shadowing }) => shadowing > 0).map(({ name }) => name), ...((await workers?.shadowing()) ?? [])].map((name) => `predictions in shadow for ${name}`)),
    ],
    ...(workers ? { listen: workers.listen } : {}),
  }
}

/** Imported only where they are asked for, as gRPC is. */
async function openWorkers(options: WorkersOptions): Promise<Workers | null> {
  if (options.context.config.services.serving.workers === 1) return null
  const { createWorkers } = await import('./workers/index.ts')
  return createWorkers(options)
}

/** How late a move at an MLflow server is noticed at most. */
const POLL_MS = 2000
/** How late what no event told is noticed of versions that no deployment serves by default. */
const LOOK_AGAIN_MS = 30_000

function lookAgain(router: Router, deployments: readonly Deployment[]): void {
  for (const { slots } of deployments) for (const { model, alias } of slots) router.moved(model, alias)
}

/** Imported only where it is asked for: it takes 30 MB. */
async function openGrpc(config: ProjectConfig, calls: CallOptions): Promise<GrpcServer | undefined> {
  const { serving } = config.services
  if (serving.grpc_port === undefined) return undefined
  const { startGrpc } = await import('./grpc/index.ts')
  return startGrpc({ ...calls, host: serving.host, port: serving.grpc_port, limits: bodyLimitsOf(config) })
}
