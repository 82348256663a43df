import { type OnDemandConfig, durationMs } from '../../domain/config.ts'
import { recentRecords } from '../journal/recent.ts'
import type { Logger } from '../../platform/log/index.ts'
import type { Registry } from '../../platform/metrics/index.ts'
import type { ServingMetrics } from '../runtime/metrics.ts'
import type { PythonOptions } from '../runtime/side/row-model.ts'
import { CacheMetrics } from './cache-metrics.ts'
import type { Deployment } from './deployment.ts'
import { LoadedModels } from './loaded-models.ts'
import { IN_WORKERS } from './places.ts'
import { Locator } from './locate.ts'
import type { ModelStore } from './model-cache.ts'
import { OnDemand } from './on-demand.ts'
import type { ModelRegistry } from './registry.ts'

export interface VersionsOptions {
  readonly deployments: readonly Deployment[]
  /** A deployment, with nothing behind any alias, of a model that the configuration does not name. */
  readonly makeUndeclared: (model: string) => Deployment
  readonly config: OnDemandConfig
  readonly registry: ModelRegistry
  /** Of models that the configuration does not name: whether there is one, where that is known without asking. */
  readonly exists?: (model: string) => boolean
  readonly store: ModelStore
  readonly lookAgainMs: number
  readonly prometheus: Registry
  readonly metrics: ServingMetrics
  readonly log: Logger
  /** How models that are not ONNX are run. */
  readonly python: PythonOptions
  /** Where the journal is kept: a version is warmed with what its model was asked last. */
  readonly journalFolder: string
  /** Processes beside this one that hold what aliases point at, too. */
  readonly workers: number
}

/** The versions in memory, and how requests reach those that no alias of a deployment points at. */
export interface Versions {
  readonly loaded: LoadedModels
  /** null where only deployments are served. */
  readonly onDemand: OnDemand | null
  readonly locator: Locator
}

export function openVersions({ deployments, makeUndeclared, config, registry, exists, store, lookAgainMs, prometheus, metrics, log, python, journalFolder, workers }: VersionsOptions): Versions {
  const stop = new AbortController()
  const cacheMetrics = new CacheMetrics(prometheus, metrics, { bytes: () => loaded.bytes, models: () => loaded.models.length, loading: () => loaded.loading.length, sizes: () => loaded.sizes })
  const loaded = new LoadedModels({
    store,
    maxBytes: config.max_bytes,
    copies: (model) => (IN_WORKERS.has(model.place) ? 1 + workers : 1),
    pinned: (model) => deployments.some(({ slots }) => slots.some((slot) => slot.live === model)),
    settings: (model) => ({ ...deployments.find(({ name }) => name === model)?.loading, python, recorded: () => recentRecords(journalFolder, model) }),
    metrics: cacheMetrics,
    stop,
  })
  if (config.models === 'none') return { loaded, onDemand: null, locator: new Locator(deployments) }
  const onDemand = new OnDemand({ registry, loaded, metrics: cacheMetrics, log, waitMs: durationMs(config.wait), lookAgainMs })
  for (const deployment of deployments) deployment.onDemand = onDemand
  if (config.models === 'deployed') return { loaded, onDemand, locator: new Locator(deployments) }
  const make = (model: string): Deployment => {
    const made = makeUndeclared(model)
    made.onDemand = onDemand
    return made
  }
  return { loaded, onDemand, locator: new Locator(deployments, { alias: config.alias, make, ...(exists ? { exists } : {}) }) }
}
