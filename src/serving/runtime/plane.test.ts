import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import * as fc from 'fast-check'
import { pino } from 'pino'
import { createMetrics } from '../../platform/metrics/index.ts'
import { Journal } from '../journal/journal.ts'
import { FIXTURES } from '../testing.ts'
import { FeatureLookup } from './lookup.ts'
import { ServingMetrics } from './metrics.ts'
import { readArtifact } from './artifact.ts'
import { LoadedModel } from './model.ts'
import { DataPlane, type Row, type Served, type Target } from './plane.ts'

let folder: string
let journal: Journal
let plane: DataPlane
let one: Target
let two: Target
let plain: Target

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'serving-'))
  journal = Journal.open({ folder, durability: 'process' })
  plane = new DataPlane(journal, new ServingMetrics(createMetrics('serving'), { queues: () => [], live: () => [], journalHead: () => 0 }), pino({ level: 'silent' }))
  const load = async (name: string): Promise<Target> => ({ model: await LoadedModel.load(name, '1', readArtifact(join(FIXTURES, name))), alias: 'champion' })
  one = await load('one')
  two = await load('two')
  plain = await load('plain')
})
after(() => {
  for (const { model } of [one, two, plain]) model.retire()
  journal.close()
  rmSync(folder, { recursive: true, force: true })
})

function served(limits: Partial<Served['limits']> = {}): Served {
  const nobody = () => Promise.reject(new Error('nobody answers'))
  const lookup = new FeatureLookup(nobody, 10, { asked: () => undefined, failed: () => undefined })
  return { name: 'delay', champion: one, shadows: [], limits: { maxRows: 1000, maxQueue: 10_000, maxQueueBytes: 1e9, maxWaitMs: 1e9, maxBatchRows: 64, ...limits }, lookup, waiting: 0, waitingBytes: 0, shadowing: 0, predictions: 0 }
}

let ids = 0
const predict = (to: Served, target: Target, rows: readonly Row[]) => plane.predict(to, target, { id: `request-${ids++}`, time: 0, rows, probe: false })

const row = fc.record({
  distance: fc.double({ min: 0, max: 5000, noNaN: true }),
  hhmm: fc.integer({ min: 0, max: 2359 }),
  carrier: fc.constantFrom('AA', 'UA', '', 'Ω'),
  origin: fc.constant('JFK'),
  hour: fc.constant('2013-04-01T15:00:00Z'),
  weather__wind: fc.option(fc.double({ min: 0, max: 60, noNaN: true })),
})

describe('the data plane', () => {
  test('answers thousands of concurrent requests of mixed sizes to two models exactly as it answers them one by one', async () => {
    const requests = fc.sample(fc.tuple(fc.boolean(), fc.array(row, { minLength: 1, maxLength: 12 })), { numRuns: 2000, seed: 20131 })
    const to = served()
    const together = await Promise.all(requests.map(([first, rows]) => predict(to, first ? one : two, rows)))
    for (const [i, [first, rows]] of requests.entries()) {
      const alone = await predict(to, first ? one : two, rows)
      assert.deepEqual(together[i]?.scores, alone.scores)
    }
    assert.equal(to.waiting, 0)
  })

  test('a bad request among many fails alone', async () => {
    const good = { distance: 1, hhmm: 1, carrier: 'AA', origin: 'JFK', hour: '2013-04-01T15:00:00Z', weather__wind: 1 }
    const to = served()
    const results = await Promise.allSettled(
      Array.from({ length: 50 }, async (_, i) => predict(to, one, i % 5 === 0 ? [good, { ...good, distance: null }] : [good])),
    )
    assert.deepEqual(
      results.map(({ status }) => status),
      results.map((_, i) => (i % 5 === 0 ? 'rejected' : 'fulfilled')),
    )
  })

  test('more requests than may wait, or more rows than a request may have, are refused', async () => {
    const good = { a: 1, b: 2 }
    const to = served({ maxQueue: 2, maxRows: 3 })
    assert.throws(() => predict(to, plain, [good, good, good, good]), { code: 'BODY_TOO_LARGE', message: /4 rows; delay takes 3/ })
    const accepted = [predict(to, plain, [good]), predict(to, plain, [good])]
    assert.throws(() => predict(to, plain, [good]), { code: 'OVERLOADED' })
    await Promise.all(accepted)
    await predict(to, plain, [good])
  })

  test('a plain ONNX model serves its inputs as columns, whole numbers of any size among them', async () => {
    const { kind, scores } = await predict(served(), plain, [{ a: 1.5, b: 2 }, { a: 0, b: 16_777_216 }])
    assert.equal(kind, 'regressor')
    assert.deepEqual([...scores], [5, 16_777_216])
    assert.throws(() => predict(served(), plain, [{ a: 1, b: 1.5 }]), { code: 'INPUT_INVALID', message: /b: found 1.5, expected a long/ })
  })

  test('with durability `power`, answers come after the journal is synced, and are the same', async () => {
    const synced = Journal.open({ folder: join(folder, 'synced'), durability: 'power' })
    const metrics = new ServingMetrics(createMetrics('serving'), { queues: () => [], live: () => [], journalHead: () => 0 })
    const careful = new DataPlane(synced, metrics, pino({ level: 'silent' }))
    const to = served()
    const answers = await Promise.all(Array.from({ length: 30 }, (_, b) => careful.predict(to, plain, { id: `power-${b}`, time: 0, rows: [{ a: 1, b }], probe: false })))
    assert.deepEqual(answers.map(({ scores }) => scores[0]), answers.map((_, b) => 2 + b))
    assert.equal(to.predictions, 30)
    synced.close()
  })

  test('requests with other parameters never go together, those with the same do', async () => {
    const registry = createMetrics('serving')
    const counting = new DataPlane(journal, new ServingMetrics(registry, { queues: () => [], live: () => [], journalHead: () => 0 }), pino({ level: 'silent' }))
    const grades: Target = { model: await LoadedModel.load('grades', '1', readArtifact(join(FIXTURES, 'grades'))), alias: 'champion' }
    const rows = [{ sepal_length: 5, sepal_width: 3, petal_length: 1, petal_width: 0 }]
    const to = { ...served(), name: 'grades', champion: grades }
    const batches = async (params: (i: number) => Row): Promise<number> => {
      const count = async () => Number(/^model_infer_batch_rows_count\{.*\} (\d+)$/m.exec(await registry.metrics())?.[1] ?? 0)
      const before = await count()
      await Promise.all(Array.from({ length: 12 }, (_, i) => counting.predict(to, grades, { id: `asked-${ids++}`, time: 0, rows, params: params(i), probe: false })))
      return (await count()) - before
    }
    assert.equal(await batches((i) => ({ factor: i })), 12)
    assert.ok((await batches(() => ({ factor: 1 }))) < 12)
    grades.model.retire()
  })

  test('a request without rows is answered without predictions', async () => {
    assert.equal((await predict(served(), one, [])).scores.length, 0)
  })
})
