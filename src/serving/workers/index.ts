import { randomBytes } from 'node:crypto'
import type { DeploymentConfig, ProjectConfig } from '../../domain/config.ts'
import { listen } from '../../platform/http/index.ts'
import type { ListenAddress, ServiceContext } from '../../platform/service/index.ts'
import type { JournalWriter } from '../journal/journal.ts'
import type { Deployment } from '../routing/deployment.ts'
import { IN_WORKERS } from '../routing/places.ts'
import type { ModelStore } from '../routing/model-cache.ts'
import type { RouterOptions } from '../routing/router.ts'
import type { HotPathOptions } from '../protocols/hot-path.ts'
import type { ServingSchema } from '../routing/store.ts'
import type { Presence } from '../runtime/presence.ts'
import { MergedMetrics } from './merged-metrics.ts'
import type { Counts } from './frames.ts'
import type { ModelDivision } from './messages.ts'
import { peerAddress } from './peer.ts'
import { WorkerPool } from './pool.ts'

export interface WorkersOptions {
  readonly context: ServiceContext<ServingSchema, ProjectConfig>
  readonly configs: readonly DeploymentConfig[]
  readonly deployments: readonly Deployment[]
  readonly journal: JournalWriter
  readonly cache: ModelStore
  /** The service's own. */
  readonly presence: Presence
  /** What workers have counted of rollouts, and compared in shadow. */
  readonly observed: (counts: Counts) => void
}

export interface Workers {
  readonly spread: NonNullable<RouterOptions['spread']>
  /** Whom a request comes from, that workers hand on too. */
  readonly addressOf: HotPathOptions['addressOf']
  /** Starts them. The service itself listens on loopback, where they find it. */
  readonly listen: (address: ListenAddress) => Promise<number>
  /** Resolves when all workers divide requests as the service's deployments say. */
  readonly divided: () => Promise<void>
  /** Names of models for which shadows still work. */
  readonly shadowing: () => Promise<readonly string[]>
  /** Resolves when they have answered what they accepted, or their time for that is over. */
  readonly stop: () => Promise<void>
}

/**
 * The service's data plane in processes of its own, at the service's one port. What is not a prediction, or is one by a version that only the service has, they hand
 * on to it.
 */
export function createWorkers({ context, configs, deployments, journal, cache, presence, observed }: WorkersOptions): Workers {
  const { config, projectFolder, folder, clock, log } = context
  const { workers: count } = config.services.serving
  const secret = randomBytes(32).toString('hex')
  const pool: WorkerPool = new WorkerPool({
    config,
    projectFolder,
    folder,
    secret,
    // Bounds are the deployment's: each worker has its part of them.
    configs: configs.map((one) => {
      const { max_queue: requests, max_queue_bytes: bytes, ...limits } = one.limits
      return { ...one, limits: { ...limits, max_queue: Math.ceil(requests / count), max_queue_bytes: Math.ceil(bytes / count) } }
    }),
    deployments,
    journal,
    divisions: () => deployments.filter(({ split }) => split !== null).map(divisionOf),
    counting: {
      observed,
      tally: (tally) => {
        for (const deployment of deployments) deployment.predictions += tally[deployment.name] ?? 0
      },
    },
    time: () => (clock.simulated ? clock.project().getTime() : null),
    log,
    onEnd: (worker) => void metrics.forget(worker),
  })
  const metrics = new MergedMetrics(context.metrics, () => pool, presence)
  let divided: Promise<unknown> = Promise.resolve()
  for (const deployment of deployments) deployment.onSplit = () => (divided = Promise.all([divided, pool.divide(divisionOf(deployment))]))
  context.report(() => metrics.text())
  context.onClockMove((now) => pool.moveTime(now.getTime()))
  return {
    addressOf: peerAddress(secret),
    spread: async ({ model, alias }, found, loaded) => {
      const files = found && loaded && IN_WORKERS.has(loaded.place) ? cache.find(model, found) : null
      await pool.spread(model, alias, found && files !== null ? { model, alias, ...found, folder: files, options: cache.loadOptions(model) } : null)
    },
    divided: async () => void (await divided),
    listen: async (address) => pool.start(await listen(context.http, 'serving', '127.0.0.1', 0), address),
    shadowing: async () => (await pool.load()).flatMap(({ shadowing }) => shadowing),
    stop: () => pool.stop(),
  }
}

function divisionOf({ name, split }: Deployment): ModelDivision {
  return { model: name, division: split?.division ?? null }
}
