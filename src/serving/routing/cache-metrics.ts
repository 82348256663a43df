import { Counter, Gauge, Histogram, type Registry } from '../../platform/metrics/index.ts'
import type { ServingMetrics } from '../runtime/metrics.ts'
import type { LoadedModel } from '../runtime/model.ts'

/** What the metrics ask for when Prometheus asks them. */
export interface CacheGauges {
  readonly bytes: () => number
  readonly models: () => number
  readonly loading: () => number
  readonly sizes: () => readonly { readonly model: Pick<LoadedModel, 'name' | 'version' | 'place'>; readonly bytes: number }[]
}

const LOAD_BOUNDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** The versions in memory, all together; what is told of each by name is forgotten when it goes. */
export class CacheMetrics {
  readonly #requests: Counter<'outcome'>
  readonly #evictions: Counter
  readonly #loads: Histogram<'outcome'>
  readonly #versions: ServingMetrics

  constructor(registry: Registry, versions: ServingMetrics, gauges: CacheGauges) {
    const registers = [registry]
    this.#requests = new Counter({ name: 'model_cache_requests_total', help: 'Requests for a version that no deployment serves by default: hit, it was in memory; miss, it had to be loaded', labelNames: ['outcome'], registers })
    this.#evictions = new Counter({ name: 'model_cache_evictions_total', help: 'Versions that went to make room for others', registers })
    this.#loads = new Histogram({ name: 'model_load_duration_seconds', help: 'Time to fetch, load, warm and check a version', labelNames: ['outcome'], buckets: LOAD_BOUNDS, registers })
    this.#versions = versions
    for (const outcome of ['hit', 'miss']) this.#requests.inc({ outcome }, 0)
    gauge(registry, 'model_cache_bytes', 'Memory of the loaded versions, estimated', gauges.bytes)
    gauge(registry, 'model_cache_models', 'Versions in memory', gauges.models)
    gauge(registry, 'model_cache_loading', 'Versions being loaded', gauges.loading)
    registry.registerMetric(
      new Gauge({
        name: 'model_version_bytes',
        help: 'Memory of a loaded version, estimated; of a Python process (place: process), measured',
        labelNames: ['model', 'version', 'place'],
        registers: [],
        collect() {
          this.reset()
          for (const { model: { name, version, place }, bytes } of gauges.sizes()) this.set({ model: name, version, place }, bytes)
        },
      }),
    )
  }

  asked(outcome: 'hit' | 'miss'): void {
    this.#requests.inc({ outcome })
  }

  evicted(): void {
    this.#evictions.inc()
  }

  loaded(model: string, version: string, seconds: number): void {
    this.#loads.observe({ outcome: 'loaded' }, seconds)
    this.#versions.loaded(model, version, seconds)
  }

  failedToLoad(seconds: number): void {
    this.#loads.observe({ outcome: 'failed' }, seconds)
  }

  forget(model: string, version: string): void {
    this.#versions.unloaded(model, version)
  }
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  registry.registerMetric(
    new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(read())
      },
    }),
  )
}
