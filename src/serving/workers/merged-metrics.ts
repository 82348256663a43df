import { Gauge, type MetricsJson, type Registry, mergeMetrics } from '../../platform/metrics/index.ts'
import type { WorkerPool } from './pool.ts'
import type { WorkerProcess } from './worker-process.ts'

/** A scrape must not wait for a worker that hangs: what it last said stands for it. */
const PATIENCE_MS = 1000

/**
 * The metrics of the service and its workers as of one process. What a worker counted that is gone stays counted, as of the last scrape; its gauges go with it.
 */
export class MergedMetrics {
  readonly #registry: Registry
  readonly #pool: () => WorkerPool
  readonly #last = new Map<WorkerProcess, MetricsJson>()
  #gone: MetricsJson = []

  constructor(registry: Registry, pool: () => WorkerPool) {
    this.#registry = registry
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
    return mergeMetrics([own, this.#gone, ...this.#last.values()]).metrics()
  }

  /** Keeps what a worker counted. */
  async forget(worker: WorkerProcess): Promise<void> {
    const last = this.#last.get(worker)
    this.#last.delete(worker)
    if (!last) return
    const counted = last.filter(({ type }) => COUNTED.has(String(type)))
    const together: MetricsJson = await mergeMetrics([this.#gone, counted]).getMetricsAsJSON()
    this.#gone = together
  }
}

const COUNTED: ReadonlySet<string> = new Set(['counter', 'histogram'])
