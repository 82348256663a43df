import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createMetrics } from '../../platform/metrics/index.ts'
import { ServingMetrics } from '../runtime/metrics.ts'
import { FIXTURES } from '../testing.ts'
import { CacheMetrics } from './cache-metrics.ts'
import { LoadedModels } from './loaded-models.ts'
import { ModelRepository } from './model-repository.ts'

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'loaded-models-'))
  for (const model of ['a', 'b', 'c']) cpSync(join(FIXTURES, 'one'), join(folder, model, '1'), { recursive: true })
})
after(() => rmSync(folder, { recursive: true, force: true }))

const registry = createMetrics('serving')

/** Over a folder, with as much room as `maxBytes` says at the time. */
function open(maxBytes: () => number): LoadedModels {
  const metrics = new ServingMetrics(createMetrics('serving'), { queues: () => [], live: () => [], journalHead: () => 0, inMemory: () => [] })
  const loaded: LoadedModels = new LoadedModels({
    store: new ModelRepository(folder),
    get maxBytes() {
      return maxBytes()
    },
    pinned: () => false,
    settings: () => ({}),
    metrics: new CacheMetrics(registry, metrics, { bytes: () => loaded.bytes, models: () => loaded.models.length, loading: () => 0, sizes: () => loaded.sizes }),
    stop: new AbortController(),
  })
  return loaded
}

const found = { version: '1', identity: '' }

describe('the versions in memory', () => {
  test('one that an alias is about to point at does not go for another that is asked for, and may once that is over', async () => {
    let room = Number.POSITIVE_INFINITY
    const loaded = open(() => room)
    const names = () => loaded.models.map(({ name }) => name).sort().join('')
    await loaded.holding('a', found, async () => {
      await loaded.load('b', found, { room: true })
      room = loaded.bytes
      await loaded.load('c', found, { room: true })
      assert.equal(names(), 'ac', 'the one that nobody needs goes')
    })
    room = loaded.bytes
    await loaded.load('b', found, { room: true })
    assert.equal(names(), 'bc')
    loaded.stop()
  })
})
