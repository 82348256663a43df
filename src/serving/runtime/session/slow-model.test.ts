import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startForTest } from '../../../platform/service/testing.ts'
import { servingService } from '../../index.ts'
import { FIXTURES, ready, testConfig } from '../../testing.ts'

test('a slow model delays nobody: requests to a fast one are answered while it runs', async () => {
  const project = mkdtempSync(join(tmpdir(), 'slow-'))
  for (const model of ['slow', 'plain']) cpSync(join(FIXTURES, model), join(project, 'models', model, '1'), { recursive: true })
  const service = await startForTest(servingService, testConfig({ yaml: 'model_repository: models' }), { projectFolder: project })
  try {
    await ready(service.url)
    const ask = async (model: string, inputs: unknown): Promise<unknown> => {
      const response = await fetch(`${service.url}/v1/models/${model}:predict`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ instances: inputs }) })
      assert.equal(response.status, 200)
      return response.json()
    }
    let slowDone = false
    const slow = ask('slow', Array.from({ length: 1000 }, (_, i) => ({ x: i }))).then((answer) => {
      slowDone = true
      return answer
    })
    for (let i = 0; i < 20; i++) assert.deepEqual(await ask('plain', [{ a: i, b: 1 }]), { predictions: [2 * i + 1] })
    assert.equal(slowDone, false)
    const { predictions } = (await slow) as { predictions: number[] }
    assert.equal(predictions.length, 1000)
    // The very number that the row alone gives.
    assert.deepEqual(await ask('slow', [{ x: 999 }]), { predictions: [predictions[999]] })
    const metrics = await (await fetch(`${service.url}/metrics`)).text()
    for (const place of ['model="plain",version="1",place="loop"', 'model="slow",version="1",place="thread"']) assert.ok(metrics.includes(`model_run_place{${place}`), place)
  } finally {
    await service.stop()
    rmSync(project, { recursive: true, force: true })
  }
})
