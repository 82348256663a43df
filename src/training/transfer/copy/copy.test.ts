import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { createTransport } from '../../../../sdk/http.ts'
import { trackingClient } from '../../../../sdk/tracking.ts'
import type { Metric } from '../../../api/tracking.ts'
import { eventsAfter, withService } from '../../testing.ts'
import { Summary } from './digest.ts'
import { type Moved, importMlflow } from './index.ts'
import { inParallel } from './parallel.ts'
import { Progress, size } from './progress.ts'
import { moved } from './locations.ts'

const source = withService()
const target = withService()
const client = (service: typeof source) => {
  const transport = createTransport(service.url())
  return { ...trackingClient(transport), post: (path: string, body: unknown) => transport.json('POST', `/api/2.0/mlflow/${path}`, { body }) }
}
const copy = (options: { again?: boolean } = {}): Promise<Moved> =>
  importMlflow({ from: { url: source.url() }, to: { url: target.url() }, again: options.again === true, verify: true, say: () => undefined })

test('everything is copied with its ids, times and stages, and is what it was', async () => {
  const from = client(source)
  const experiment = await from.createExperiment('é', { team: 'a' })
  const run = await from.createRun(experiment, { name: 'one', userId: 'ada', startTime: 1_700_000_000_000, tags: { note: "it's" } })
  const id = run.info.run_id
  await from.logParams(id, { depth: 3, text: 'x'.repeat(5000) })
  await from.logMetrics(id, Array.from({ length: 6000 }, (_, step) => ({ key: 'loss', value: 1 / (step + 1), step, timestamp: 1_700_000_000_000 + (step % 7) })))
  await from.logMetrics(id, [Number.NaN, Number.POSITIVE_INFINITY, -0].map((value, step) => ({ key: 'odd', value, step, timestamp: 5 })))
  await from.post('runs/log-inputs', { run_id: id, datasets: [{ tags: [{ key: 'mlflow.data.context', value: 'training' }], dataset: { name: 'd', digest: 'x', source_type: 'local', source: '{}' } }] })
  await from.uploadArtifact(id, 'model/weights.bin', new Uint8Array(300_000).fill(7))
  await from.uploadArtifact(id, 'empty', '')
  await from.updateRun(id, { status: 'FINISHED', endTime: 1_700_000_009_000 })
  const gone = await from.createRun(experiment, { name: 'gone' })
  await from.logMetrics(gone.info.run_id, { m: 1 })
  await from.post('runs/delete', { run_id: gone.info.run_id })
  await from.registerModel('m', { description: 'a model', tags: { owner: 'ada' } })
  for (let i = 1; i <= 3; i++) await from.createVersion('m', { source: `runs:/${id}/model`, runId: id, tags: { i: String(i) } })
  await createTransport(source.url()).json('DELETE', '/api/2.0/mlflow/model-versions/delete', { body: { name: 'm', version: '2' } })
  await from.post('model-versions/transition-stage', { name: 'm', version: '1', stage: 'Production' })
  await from.setAlias('m', 'champion', '3')

  const { copied, report, notes } = await copy()
  assert.deepEqual([report?.different, report?.differences, notes], [0, [], []])
  assert.deepEqual([copied.runs, copied.points, copied.files, copied.passed], [2, 6004, 2, 0])
  const to = client(target)
  const there = await to.getRun(id)
  assert.deepEqual({ ...there, info: { ...there.info, artifact_uri: '' } }, { ...(await from.getRun(id)), info: { ...(await from.getRun(id)).info, artifact_uri: '' } })
  assert.equal((await to.getRun(gone.info.run_id)).info.lifecycle_stage, 'deleted')
  assert.deepEqual((await to.downloadArtifact(id, 'model/weights.bin')).length, 300_000)
  assert.equal((await to.getByAlias('m', 'champion'))?.version, '3')
  assert.equal((await to.getVersion('m', '1')).current_stage, 'Production')
  assert.equal(await to.getDownloadUri('m', '3'), `${there.info.artifact_uri}/model`)
  await assert.rejects(to.getVersion('m', '2'), { code: 'NOT_FOUND' })
  const { digest } = (await to.manifest('m', '3')) ?? assert.fail('version 3 is not sealed')
  assert.equal(digest, (await from.manifest('m', '3'))?.digest)
  assert.equal((await to.verifyVersion('m', '1')).ok, true)
  await assert.rejects(to.uploadArtifact(id, 'model/weights.bin', 'other'), { code: 'ARTIFACT_SEALED' })
  const told = (await eventsAfter(target.url(), 0)).map(({ type }) => type.replace('dev.millrace.model.', ''))
  assert.deepEqual(told.toSorted(), ['alias.moved', 'version.sealed', 'version.sealed'], 'sealed here and now; the rest is no news')
  assert.equal((await to.createVersion('m', { source: `runs:/${id}/model`, runId: id })).version, '4', 'numbers go on')
  const [history] = await to.aliasHistory('m', 'champion')
  assert.match(`${history?.actor} ${history?.reason}`, /^millrace import as it was at http:/)
})

test('a second time only what has changed is copied', async () => {
  const before = (await eventsAfter(target.url(), 0)).length
  const again = await copy()
  assert.deepEqual([again.copied.passed, again.copied.runs, again.copied.points, again.report?.different], [2, 0, 0, 0])
  assert.equal((await eventsAfter(target.url(), before)).length, 0, 'and nobody is told anything')
  const from = client(source)
  const late = await from.createRun('0', { name: 'late' })
  await from.logMetrics(late.info.run_id, { m: 1 })
  const third = await copy()
  assert.deepEqual([third.copied.passed, third.copied.runs, third.report?.different], [2, 1, 0])
})

test('what is not as it was is found, and mended by copying again', async () => {
  const to = client(target)
  const { experiments } = await createTransport(target.url()).json<{ experiments: readonly { experiment_id: string; name: string }[] }>('POST', '/api/2.0/mlflow/experiments/search', { body: { max_results: 10 } })
  const { runs } = await to.searchRuns({ experimentIds: experiments.map(({ experiment_id }) => experiment_id), filter: "attributes.run_name = 'one'" })
  const id = runs[0]?.info.run_id ?? ''
  await to.uploadArtifact(id, 'empty', 'no more')
  const found = await copy()
  assert.deepEqual(found.report?.differences, [`run ${id}: 300007 bytes, expected 300000`])
  await to.setTags(id, { added: 'here' })
  const mended = await copy({ again: true })
  assert.deepEqual([mended.report?.different, mended.copied.runs], [0, 3])
})

test('an experiment whose number is taken gets another; of one that was there before nothing is changed but its tags', async () => {
  const to = client(target)
  const taken = await to.createExperiment('of another')
  const from = client(source)
  let id = ''
  while (id !== taken) id = await from.createExperiment(`new ${id}`, { team: 'b' })
  const { report } = await copy()
  assert.equal(report?.different, 0)
  assert.equal((await to.getExperimentByName('of another'))?.experiment_id, taken)
  const moved_ = await to.getExperimentByName((await from.getExperimentByName(`new ${Number(taken) - 1}`))?.name ?? 'new ')
  assert.notEqual(moved_?.experiment_id, taken)
  assert.deepEqual(moved_?.tags, [{ key: 'team', value: 'b' }])
})

for (const [what, record, message] of [
  ['a location on a file system', { artifact_uri: '/etc' }, /a path of a file system/],
  ['a location with the server that the caller chose', { artifact_uri: 'mlflow-artifacts:/0/other/artifacts' }, /the server chooses/],
  ['an id that is a path', { run_id: '../x' }, /run_id/],
  ['an experiment that does not exist', { experiment_id: '99999' }, /No Experiment with id=99999/],
] as const) {
  test(`the import refuses ${what}`, async () => {
    const run = { run_id: 'f'.repeat(32), experiment_id: '0', run_name: 'n', user_id: 'u', status: 'FINISHED', start_time: 1, lifecycle_stage: 'active', params: [], tags: [], ...record }
    const { status, text } = await target.send('POST', '/api/2.0/millrace/import/runs', { body: { runs: [run] } })
    assert.ok(status === 400 || status === 404, text)
    assert.match(text, message)
  })
}

test('a number that was given a second time elsewhere, to other files, does not take the place of a sealed version', async () => {
  const version = { name: 'm', version: 1, source: 's3://b/other', storage_location: 's3://b/other', stage: 'None', creation_time: 1, last_update_time: 1, tags: [] }
  const model = { name: 'm', creation_time: 1, last_update_time: 1, tags: [] }
  const { status, text } = await target.send('POST', '/api/2.0/millrace/import/registered-model', { body: { model, versions: [version] } })
  assert.equal(status, 409, text)
  assert.match(text, /version 1 of m is here already, sealed with the files at /)
  assert.equal((await client(target).verifyVersion('m', '1')).ok, true)
})

const point = fc.record({
  key: fc.constantFrom('a', 'b'),
  value: fc.oneof(fc.double(), fc.constantFrom<Metric['value']>('NaN', 'Infinity', '-Infinity')),
  timestamp: fc.nat(),
  step: fc.integer(),
})

test('the digest of a history does not depend on its order or its pages, and does on each point', () => {
  fc.assert(
    fc.property(fc.uniqueArray(point, { minLength: 1, selector: (one) => JSON.stringify([one.key, String(Number(one.value) + 0), one.timestamp, one.step]) }), fc.nat(), (points, cut) => {
      const digest = (...pages: readonly (readonly Metric[])[]) => {
        const summary = new Summary()
        for (const page of pages) summary.addPoints(page)
        return summary.content(null).digest
      }
      const at = cut % points.length
      assert.equal(digest(points), digest(points.slice(at).toReversed(), points.slice(0, at)))
      assert.notEqual(digest(points), digest(points.slice(1)))
    }),
  )
})

test('the estimate goes by what was copied', () => {
  let now = 0
  const progress = new Progress(() => now)
  progress.expect({ experiments: 1, runs: 1000, models: 0 })
  progress.add('passed', 500)
  progress.add('runs', 100)
  now = 60_000
  assert.equal(progress.line(), '600 of 1,000 runs and models, 0 points, 0 files (0 B), about 4 min left')
  assert.deepEqual([size(1023), size(1536), size(5 * 2 ** 30)], ['1023 B', '1.5 KiB', '5.0 GiB'])
})

test('work in parallel stops at the first failure and reads no further ahead than its width', async () => {
  let read = 0
  function* numbers(): Iterable<number> {
    for (; read < 100; read++) yield read
  }
  const work = inParallel(numbers(), 3, async (i) => {
    await new Promise((resolve) => setImmediate(resolve))
    if (i === 10) throw new Error('ten')
  })
  await assert.rejects(work, /ten/)
  assert.ok(read < 20)
})

test('a location moves with its root and not with one of a longer name', () => {
  assert.equal(moved('s3://a/b/c', 's3://a/b/', 'x:/y'), 'x:/y/c')
  assert.equal(moved('s3://a/b', 's3://a/b', 'x:/y'), 'x:/y')
  assert.equal(moved('s3://a/bc', 's3://a/b', 'x:/y'), undefined)
})
