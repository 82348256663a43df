import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { type Registry, createMetrics } from '../../platform/metrics/index.ts'
import { ServingMetrics } from './metrics.ts'
import { Presence, REMEMBERED, REMEMBERED_MS } from './presence.ts'

describe('metrics of versions', () => {
  let registry: Registry
  let metrics: ServingMetrics
  let now: number
  beforeEach(() => {
    now = 0
    registry = createMetrics('serving')
    metrics = new ServingMetrics(registry, { queues: () => [], live: () => [], journalHead: () => 0 }, new Presence({ now: () => now }))
  })

  async function counted(name: string, model: string, version: string): Promise<number | undefined> {
    const found = (await registry.getMetricsAsJSON()).find((metric) => metric.name === name)
    return found?.values.find(({ labels }) => labels['model'] === model && labels['version'] === version)?.value
  }
  const succeeded = (version: string) => counted('model_infer_request_success_total', 'delay', version)
  const load = (version: string): void => {
    metrics.loaded('delay', version, 0.1)
    metrics.version('delay', version).succeeded++
  }

  test('are told for as long as it is loaded, however many come after it', async () => {
    load('1')
    const held = metrics.version('delay', '1')
    for (let version = 2; version <= 10 * REMEMBERED; version++) load(String(version))
    now += 100 * REMEMBERED_MS
    held.succeeded++
    assert.equal(metrics.version('delay', '1'), held)
    assert.equal(await succeeded('1'), 2)
  })

  test('are told for some time after it has left, and go on where they were when it comes back in that time', async () => {
    load('1')
    metrics.unloaded('delay', '1')
    now += REMEMBERED_MS
    assert.equal(await succeeded('1'), 1)
    load('1')
    now += 2 * REMEMBERED_MS
    assert.equal(await succeeded('1'), 2)
    metrics.unloaded('delay', '1')
    now += REMEMBERED_MS + 1
    assert.equal(await succeeded('1'), undefined)
  })

  test('of versions that have left there are so many at most', async () => {
    for (let version = 1; version <= 3 * REMEMBERED; version++) {
      load(String(version))
      metrics.unloaded('delay', String(version))
    }
    const told = (await registry.getMetricsAsJSON()).find(({ name }) => name === 'model_infer_request_success_total')
    assert.equal(told?.values.length, REMEMBERED)
    assert.equal(await succeeded(String(3 * REMEMBERED)), 1)
  })

  test('one that is counted for a request that had chosen it before it left is not remembered for ever', async () => {
    metrics.version('delay', '1').succeeded++
    assert.equal(await succeeded('1'), 1)
    now += REMEMBERED_MS + 1
    assert.equal(await succeeded('1'), undefined)
  })

  test('what shadows were found to differ by is kept as long as their versions', async () => {
    const answer = { scores: Float64Array.of(0.5), labels: Float64Array.of(1) }
    const compare = (version: string) => metrics.agreements.of('delay', 'challenger', version).addRows(answer, answer, true)
    const compared = (version: string) => counted('model_shadow_compared_rows_total', 'delay', version)
    for (let version = 1; version <= 3 * REMEMBERED; version++) {
      metrics.loaded('delay', String(version), 0.1)
      compare(String(version))
      metrics.agreements.merge([{ model: 'delay', alias: 'challenger', version: String(version), sums: [2, 0, 2, 0, 2] }])
    }
    compare('1')
    assert.equal(await compared('1'), 2)
    assert.equal(metrics.agreements.describe('delay', 'challenger', '1')?.rows, 4)
    metrics.unloaded('delay', '1')
    now += REMEMBERED_MS + 1
    assert.equal(await compared('1'), undefined)
    assert.equal(metrics.agreements.describe('delay', 'challenger', '1'), undefined)
    assert.equal(await compared('2'), 1)
  })
})
