import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { ServiceDefinition } from '../../platform/service/index.ts'
import { startForTest } from '../../platform/service/testing.ts'
import type { ProjectConfig } from '../../domain/config.ts'
import { deploymentsOf, makeDeployments, onDemandOf, undeclared } from '../deployments.ts'
import { ServingMetrics } from '../runtime/metrics.ts'
import { FIXTURES, testConfig, until } from '../testing.ts'
import type { LoadedModels } from './loaded-models.ts'
import { ModelRepository } from './model-repository.ts'
import { Router, type RouterOptions } from './router.ts'
import { type ServingSchema, migrations } from './store.ts'
import { openVersions } from './versions.ts'

describe('a version that an alias is about to point at', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'loaded-'))
    for (const model of ['plain', 'other']) cpSync(join(FIXTURES, 'plain'), join(folder, 'models', model, '1'), { recursive: true })
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const config = testConfig({ yaml: 'model_repository: models\non_demand: {max_bytes: 2000000}\ndeployments: [{model: plain}]' })
  const repository = (): ModelRepository => new ModelRepository(join(folder, 'models'))

  /** Serving's router over a folder, with workers that are as slow as `spread` is. */
  function routing(spread: (loaded: LoadedModels) => RouterOptions['spread'], started: (router: Router) => void): ServiceDefinition<ServingSchema, ProjectConfig> {
    return {
      name: 'serving',
      migrations,
      start: async (context) => {
        const { log, url } = context
        const metrics = new ServingMetrics(context.metrics, { queues: () => [], live: () => [], journalHead: () => 0 })
        const registry = repository()
        const options = { url, log, metrics, projectFolder: folder, folder }
        const deployments = makeDeployments(deploymentsOf(config, registry), options)
        const versions = openVersions({
          deployments,
          makeUndeclared: (model) => undeclared(config, model, options),
          config: onDemandOf({ ...config, on_demand: { ...config.on_demand, models: 'registered' } }, registry),
          registry,
          store: registry,
          lookAgainMs: Number.POSITIVE_INFINITY,
          prometheus: context.metrics,
          metrics,
          log,
          python: { interpreter: undefined, log },
          journalFolder: join(folder, 'journal'),
          workers: 0,
        })
        const slow = spread(versions.loaded)
        const router = new Router({ deployments, registry, cache: registry, versions, ...(slow ? { spread: slow } : {}), db: context.db, outbox: context.outbox, clock: context.clock, metrics, log })
        context.onStop(() => router.stop())
        await router.start()
        started(router)
        return { waitingFor: async () => router.waitingFor() }
      },
    }
  }

  test('stays while workers load it, whoever needs room or wants it gone', async () => {
    const found = await repository().version('other', '1')
    assert.ok(found)
    let router: Router | undefined
    const outcomes: unknown[] = []
    const slowly = (loaded: LoadedModels): RouterOptions['spread'] => async (_slot, _found, model) => {
      assert.ok(model)
      // Room for one of the two.
      await loaded.load('other', found, { room: true }).catch((error: unknown) => outcomes.push(error))
      loaded.drop(model)
      outcomes.push(loaded.models.includes(model))
    }
    const service = await startForTest(routing(slowly, (made) => (router = made)), config)
    try {
      await until(() => router?.states()[0]?.state === 'ready')
      const live = router?.find('plain')?.target().model
      assert.ok(live)
      assert.match(String(outcomes[0]), /other version 1 takes about \d+ MiB, and \d+ of 2 MiB are taken by what is deployed/)
      assert.equal(outcomes[1], true)
      assert.ok(router?.versions.loaded.models.includes(live))
    } finally {
      await service.stop()
    }
  })

  test('takes what room it needs, also where a request for it, which has none, began to load it', async () => {
    const found = await repository().version('other', '1')
    assert.ok(found)
    let router: Router | undefined
    const service = await startForTest(routing(() => undefined, (made) => (router = made)), config)
    try {
      await until(() => router?.states()[0]?.state === 'ready')
      const loaded = router?.versions.loaded
      assert.ok(loaded)
      const asked = loaded.load('other', found, { room: true })
      await loaded.holding('other', found, async (model) => assert.equal(model.name, 'other'))
      assert.equal((await asked).name, 'other')
    } finally {
      await service.stop()
    }
  })

  test('goes when it is refused elsewhere', async () => {
    let router: Router | undefined
    let refused = 0
    const refusing = (): RouterOptions['spread'] => async () => {
      refused++
      throw new Error('a worker has no memory for it')
    }
    const service = await startForTest(routing(refusing, (made) => (router = made)), config)
    try {
      await until(() => refused > 0 && router?.versions.loaded.models.length === 0)
      assert.equal(router?.find('plain')?.champion, null)
    } finally {
      await service.stop()
    }
  })
})
