import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from '../../platform/metrics/index.ts'
import { ServingMetrics } from '../runtime/metrics.ts'
import { Presence, REMEMBERED_MS } from '../runtime/presence.ts'
import { MergedMetrics, type Workforce } from './merged-metrics.ts'

const NOTHING = { queues: () => [], live: () => [], journalHead: () => 0 }

/** What of a worker is asked here, with metrics of its own. */
function worker() {
  const registry = createMetrics('serving')
  const metrics = new ServingMetrics(registry, NOTHING)
  return { metrics, gone: false, listening: true, ask: (): Promise<unknown> => registry.getMetricsAsJSON() }
}

test('what workers counted of a version, those that are gone too, is told for as long as the service knows it, and never grows less meanwhile', async () => {
  let now = 0
  const registry = createMetrics('serving')
  const metrics = new ServingMetrics(registry, NOTHING, new Presence({ now: () => now }))
  const workers = [worker(), worker()]
  const force: Workforce = { workers, restarts: 0 }
  const merged = new MergedMetrics(registry, () => force, metrics.presence)
  const told = async (version: string): Promise<number | undefined> => {
    const line = new RegExp(`^model_infer_request_success_total\\{.*version="${version}".*\\} (\\d+)$`, 'm').exec(await merged.text())
    return line === null ? undefined : Number(line[1])
  }
  for (const version of ['1', '2']) {
    metrics.loaded('delay', version, 0.1)
    for (const one of workers) {
      one.metrics.loaded('delay', version, 0.1)
      one.metrics.version('delay', version).succeeded += 5
    }
  }
  assert.deepEqual([await told('1'), await told('2')], [10, 10])
  const [first] = workers.splice(0, 1)
  assert.ok(first)
  await merged.forget(first)
  assert.deepEqual([await told('1'), await told('2')], [10, 10])
  metrics.unloaded('delay', '1')
  now += REMEMBERED_MS
  assert.deepEqual([await told('1'), await told('2')], [10, 10])
  now += 1
  // The worker remembers it still.
  assert.deepEqual([await told('1'), await told('2')], [undefined, 10])
})
