import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createTransport } from '../../../sdk/http.ts'
import { servingClient } from '../../../sdk/serving.ts'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { servingService } from '../index.ts'
import { FIXTURES, type Features, ROW, type Registry, ready, startFeatures, startRegistry, testConfig } from '../testing.ts'

const { weather__wind: _wind, ...RAW } = ROW

describe('online features', () => {
  let folder: string
  let registry: Registry
  let features: Features
  let service: TestService

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'serving-'))
    registry = await startRegistry(join(folder, 'registry'))
    features = await startFeatures()
    registry.add('1', join(FIXTURES, 'one'))
    registry.move('champion', '1')
    const yaml = 'deployments: [{model: delay, features: {deadline: 400ms}}]'
    service = await startForTest(servingService, testConfig({ tracking: registry.url, gateway: registry.url, features: features.url, yaml }), {
      projectFolder: join(folder, 'project'),
    })
    await ready(service.url)
  })
  after(async () => {
    await service.stop()
    await features.close()
    await registry.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const client = () => servingClient(createTransport(service.url))
  const last = async () => (await client().readJournal(0, { limitBytes: 16 * 1024 * 1024 })).records.at(-1)

  test('are asked for as of each row’s own moment, and give what the caller giving them would get', async () => {
    features.calls.length = 0
    const asked = await client().predict('delay', [RAW, { ...RAW, origin: 'NEWARK', hour: '2013-05-01T12:00:00Z' }])
    const given = await client().predict('delay', [
      { ...ROW, weather__wind: 3 },
      { ...ROW, weather__wind: 6 },
    ])
    assert.deepEqual(asked.probabilities, given.probabilities)
    assert.deepEqual(features.calls, [
      {
        features: ['weather:wind'],
        entities: { origin: ['JFK', 'NEWARK'] },
        as_of: [Date.UTC(2013, 3, 1, 14), Date.UTC(2013, 4, 1, 11)],
        full_feature_names: true,
      },
    ])
    assert.equal((await last())?.missing, undefined)
  })

  test('requests that come together are asked for together, and each gets its own', async () => {
    features.calls.length = 0
    const origins = Array.from({ length: 40 }, (_, i) => 'X'.repeat((i % 7) + 1))
    const usual = features.answer
    features.answer = async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      return usual(request)
    }
    const answers = await Promise.all(origins.map((origin) => client().predict('delay', [{ ...RAW, origin }])))
    features.answer = usual
    const expected = await Promise.all(origins.map((origin) => client().predict('delay', [{ ...ROW, origin, weather__wind: origin.length }])))
    assert.deepEqual(
      answers.map(({ probabilities }) => probabilities),
      expected.map(({ probabilities }) => probabilities),
    )
    assert.ok(features.calls.length < origins.length, `${features.calls.length} calls`)
  })

  const FAILURES: readonly [string, Features['answer']][] = [
    ['answers with too few values', () => ({ metadata: { feature_names: ['weather__wind'] }, results: [{ values: [] }] })],
    ['does not know the feature', () => ({ metadata: { feature_names: [] }, results: [] })],
    ['knows nothing', () => undefined],
    ['answers too late', () => new Promise((resolve) => setTimeout(resolve, 500))],
  ]
  for (const [name, answer] of FAILURES) {
    test(`where the features service ${name}, the features are filled and named`, async () => {
      const usual = features.answer
      features.answer = answer
      try {
        const { probabilities } = await client().predict('delay', [RAW])
        assert.equal(probabilities.length, 1)
        assert.deepEqual((await last())?.missing, ['weather:wind'])
      } finally {
        features.answer = usual
      }
    })
  }

  test('a null is an answer: the value is missing as it was in training, the feature is not', async () => {
    const usual = features.answer
    features.answer = () => ({ metadata: { feature_names: ['weather__wind'] }, results: [{ values: [null] }] })
    try {
      await client().predict('delay', [RAW])
      const record = await last()
      assert.equal(record?.missing, undefined)
      assert.equal(record?.features?.['wind'], null)
    } finally {
      features.answer = usual
    }
  })
})
