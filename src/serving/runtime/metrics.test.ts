import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createMetrics } from '../../platform/metrics/index.ts'
import { ServingMetrics } from './metrics.ts'

describe('metrics by version', () => {
  test('are shown as long as the version is in memory, however many came and went beside it', async () => {
    const registry = createMetrics('serving')
    const metrics = new ServingMetrics(registry, { queues: () => [], live: () => [], journalHead: () => 0, inMemory: () => [{ name: 'delay', version: '1' }] })
    const champion = metrics.version('delay', '1')
    for (let version = 2; version < 300; version++) metrics.version('delay', String(version)).succeeded++
    champion.succeeded = 7
    const text = await registry.metrics()
    assert.match(text, /^model_infer_request_success_total\{model="delay",version="1",.*\} 7$/m)
    assert.equal(metrics.version('delay', '1'), champion)
    const shown = text.match(/^model_infer_request_success_total\{/gm)?.length ?? 0
    assert.ok(shown >= 50 && shown <= 51, `${shown} versions are shown`)
    assert.match(text, /version="299"/)
  })
})
