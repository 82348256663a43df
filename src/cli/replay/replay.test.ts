import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createTransport } from '../../../sdk/http.ts'
import { servingClient } from '../../../sdk/serving.ts'
import { type MonitorSchema, migrations } from '../../monitoring/tables.ts'
import { openDatabase } from '../../platform/db/index.ts'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { servingService } from '../../serving/index.ts'
import { onnxRuntime } from '../../serving/runtime/onnx.ts'
import { planOutputs } from '../../serving/runtime/outputs.ts'
import { FIXTURES, ROW, type Registry, ready, startFeatures, startRegistry, testConfig, until } from '../../serving/testing.ts'
import { drawText } from './draw.ts'
import { drawHtml } from './page.ts'
import { type ReplayReport, differences } from './report.ts'
import { type ReplayOptions, replay } from './run.ts'
import { ReplayStore } from './source.ts'

const DAY = Date.parse('2013-04-01T00:00:00Z')
const REQUESTS = 120
let folder: string
let registry: Registry
let service: TestService
let features: Awaited<ReturnType<typeof startFeatures>>
let config: ReturnType<typeof testConfig>

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'replay-'))
  registry = await startRegistry(join(folder, 'registry'))
  features = await startFeatures()
  registry.add('1', join(FIXTURES, 'one'))
  registry.add('2', join(FIXTURES, 'two'))
  registry.move('champion', '1')
  registry.move('challenger', '2')
  const yaml = 'deployments: [{model: delay, shadow: [challenger]}]\nclock: {simulated: "2013-04-01T00:00:00Z"}'
  config = testConfig({ tracking: registry.url, gateway: registry.url, features: features.url, yaml })
  service = await startForTest(servingService, config, { projectFolder: join(folder, 'project') })
  await ready(service.url)
  const client = servingClient(createTransport(service.url))
  await until(async () => ((await client.deployments())[0]?.shadows.length ?? 0) > 0)
  const { weather__wind: _, ...row } = ROW
  for (let i = 0; i < REQUESTS; i++) {
    await client.predict('delay', [{ ...row, distance: 10 * i, carrier: i % 3 === 0 ? 'AA' : 'UA' }], { requestId: `r${i}`, time: new Date(DAY + i * 1000) })
  }
  mkdirSync(join(folder, 'project', '.millrace', 'monitor'), { recursive: true })
  const monitor = await openDatabase<MonitorSchema>({ url: `sqlite:${join(folder, 'project', '.millrace', 'monitor', 'monitor.db')}`, schema: 'monitor', migrations })
  await monitor.kysely.insertInto('labels').values(Array.from({ length: 60 }, (_, i) => ({ request_id: `r${i}`, row: 0, label: i % 2, time: DAY, joined: 1 }))).execute()
  await monitor.close()
})
after(async () => {
  await service.stop()
  await registry.close()
  await features.close()
  rmSync(folder, { recursive: true, force: true })
})

async function run(options: Partial<ReplayOptions>): Promise<ReplayReport> {
  const whole = { model: 'delay', version: '1', from: DAY, to: DAY + 86_400_000, onProgress: () => undefined, ...options }
  const store = await ReplayStore.open({ folder: join(folder, 'project'), config }, whole)
  try {
    return await replay(store, createTransport(service.url), whole)
  } finally {
    store.close()
  }
}

describe('millrace replay', () => {
  test('the version that answered gives the same answers again, from the features it had then', async () => {
    const asked = features.calls.length
    features.answer = () => {
      throw new Error('the store must not be asked again')
    }
    const report = await run({ by: 'carrier' })
    assert.equal(features.calls.length, asked)
    assert.deepEqual([report.recorded, report.replayed, report.refused.rows, report.masked.rows], [REQUESTS, REQUESTS, 0, 0])
    assert.equal(report.overall?.max_absolute_difference, 0)
    assert.equal(report.overall?.labelled, 60)
    assert.ok(report.overall && report.overall.log_loss.a !== null && report.overall.log_loss.a === report.overall.log_loss.b && report.overall.auc.a === report.overall.auc.b)
    assert.deepEqual(report.slices.map(({ slice, rows }) => [slice, rows]), [['AA', 40], ['UA', 80]])
  })

  test('another version differs, by slices that add up to the whole, whichever side it is compared from', async () => {
    const [one, other] = [await run({ version: '2', by: 'distance' }), await run({ version: '1', against: '2' })]
    assert.ok(one.overall && other.overall && one.overall.mean_absolute_difference > 0)
    assert.equal(one.slices.length, 4)
    assert.equal(one.slices.reduce((sum, { rows }) => sum + rows, 0), REQUESTS)
    assert.ok(Math.abs(one.overall.mean_difference + other.overall.mean_difference) < 1e-9)
    assert.equal(one.histogram.reduce((sum, { rows }) => sum + rows, 0), REQUESTS)
    assert.match(drawText(one), /█/)
    assert.match(drawHtml(one), /<svg/)
  })

  test('what was replayed is marked as probes, and is not replayed itself', async () => {
    const { records } = await servingClient(createTransport(service.url)).readJournal(0, { limitBytes: 16 * 1024 * 1024 })
    const sent = records.filter(({ caller }) => caller === 'replay')
    assert.ok(sent.length >= REQUESTS && sent.every(({ probe }) => probe === true))
    assert.equal((await run({})).recorded, REQUESTS)
  })

  test('an empty span, and a version that is not there, are said so', async () => {
    assert.equal((await run({ from: 0, to: 1 })).overall, null)
    assert.match(drawText(await run({ from: 0, to: 1 })), /0 of 0 recorded rows/)
    await assert.rejects(run({ version: '99' }), { code: 'NOT_FOUND', message: /version 99 of / })
  })

  test('a row is of the class that serving says it is, at a probability of a half too', async () => {
    const { Tensor } = await onnxRuntime()
    const scores = [0.25, 0.5, 0.5 + Number.EPSILON, 0.75]
    const labels = new Float64Array(scores.length)
    const plan = planOutputs([{ name: 'probabilities', isTensor: true, type: 'float64', shape: ['N', 2] }], false)
    assert.ok(plan.kind !== 'other')
    plan.read({ probabilities: new Tensor('float64', scores.flatMap((score) => [1 - score, score]), [scores.length, 2]) }, scores.length, new Float64Array(scores.length), labels, 0)
    for (const [i, score] of scores.entries()) {
      const store = await ReplayStore.open({ folder: join(folder, 'project'), config }, { model: 'delay', from: 0, to: 1 })
      try {
        // Against one that is certainly of class 0.
        await store.add([{ a: 0, b: score, label: null, slice: null }])
        assert.equal((await differences(store, true, null)).overall?.class_changes, labels[i], String(score))
      } finally {
        store.close()
      }
    }
  })
})
