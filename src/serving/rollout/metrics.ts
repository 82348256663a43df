import { Counter, Gauge, type Registry } from '../../platform/metrics/index.ts'
import type { Rollouts } from './rollouts.ts'

export function registerRolloutMetrics(registry: Registry, rollouts: Rollouts): void {
  const states = () => rollouts.lanes.map(({ model }) => rollouts.state(model)).filter((state) => state !== null)
  registry.registerMetric(
    new Gauge({
      name: 'model_rollout_weight',
      help: 'Percent of requests that the version under rollout answers',
      labelNames: ['model', 'version'],
      registers: [],
      collect() {
        this.reset()
        for (const { model, candidate, weight } of states()) this.set({ model, version: candidate }, weight)
      },
    }),
  )
  registry.registerMetric(
    new Counter({
      name: 'model_rollout_exposed_total',
      help: 'Requests assigned by weight in the present rollout, by arm',
      labelNames: ['model', 'arm'],
      registers: [],
      collect() {
        this.reset()
        for (const { model, exposed } of states()) for (const arm of ['champion', 'candidate'] as const) this.inc({ model, arm }, exposed[arm])
      },
    }),
  )
}
