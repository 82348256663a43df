import { Gauge, type MetricsJson, type Registry, mergeMetrics } from '../../platform/metrics/index.ts'
import type { Presence } from '../runtime/presence.ts'
import type { WorkerProcess } from './worker-process.ts'

/** A scrape must not wait for a worker that hangs: what it last said stands for it. */
const PATIENCE_MS = 1000

/** What of the workers matters here. */
export interface Workforce {
  readonly workers: readonly Pick<WorkerProcess, 'ask' | 'gone' | 'listening'>[]
  readonly restarts: number
}

type Asked = Workforce['workers'][number]

/**
 * The metrics of the service and its workers as of one process. What a worker counted that is gone stays counted, as of the last scrape; its gauges go with it. Of versions that
 * the service has forgotten nothing is told.
 */
export class MergedMetrics {
  readonly #registry: Registry
  readonly #pool: () => Workforce
  readonly #presence: Presence
  readonly #last = new Map<Asked, MetricsJson>()
  #gone: MetricsJson = []

  constructor(registry: Registry, pool: () => Workforce, presence: Presence) {
    this.#registry = registry
    this.#presence = presence
    this.#pool = pool
    registry.registerMetric(
      new Gauge({
        name: 'serving_workers',
        help: 'Worker processes that answer',
        registers: [],
        collect() {
          this.set(pool().workers.filter(({ listening }) => listening).length)
        },
      }),
    )
    registry.registerMetric(
      new Gauge({
        name: 'serving_worker_restarts',
        help: 'Workers that were started anew since the service began',
        registers: [],
        collect() {
          this.set(pool().restarts)
        },
      }),
    )
  }

  async text(): Promise<string> {
    await Promise.all(
      this.#pool().workers.map(async (worker) => {
        // A worker that does not answer now is told of by what it said before.
        const answer = await worker.ask({ kind: 'metrics' }, PATIENCE_MS).catch(() => undefined)
        if (answer !== undefined && !worker.gone) this.#last.set(worker, answer as MetricsJson)
      }),
    )
    const own: MetricsJson = await this.#registry.getMetricsAsJSON()
    this.#gone = this.#known(this.#gone)
    return mergeMetrics([own, this.#gone, ...[...this.#last.values()].map((last) => this.#known(last))]).metrics()
  }

  /** Keeps what a worker counted. */
  async forget(worker: Asked): Promise<void> {
    const last = this.#last.get(worker)
    this.#last.delete(worker)
    if (!last) return
    const counted = last.filter(({ type }) => COUNTED.has(String(type)))
    const together: MetricsJson = await mergeMetrics([this.#gone, counted]).getMetricsAsJSON()
    this.#gone = together
  }

  #known(metrics: MetricsJson): MetricsJson {
    return metrics.map((metric) => ({ ...metric, values: metric.values.filter(({ labels: { model, version } }) => model === undefined || version === undefined || this.#presence.knows(String(model), String(version))) }))
  }
}

const COUNTED: ReadonlySet<string> = new Set(['counter', 'histogram'])
