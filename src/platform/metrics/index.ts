import { AggregatorRegistry, Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

export { Counter, Gauge, Histogram, Registry }

/** A registry of one service's metrics, with Node's own (`process_*`, `nodejs_*`) and a `service` label on all. */
export function createMetrics(service: string): Registry {
  const registry = new Registry()
  registry.setDefaultLabels({ service })
  collectDefaultMetrics({ register: registry })
  return registry
}

/** What a registry holds, as one process tells it to another. */
export type MetricsJson = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** The metrics of several processes as of one: sums, where a metric does not ask for something else (`aggregator`). */
export function mergeMetrics(parts: readonly MetricsJson[]): Pick<Registry, 'metrics' | 'getMetricsAsJSON'> {
  return AggregatorRegistry.aggregate([...parts])
}
