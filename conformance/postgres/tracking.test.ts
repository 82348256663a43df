import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createTransport } from '../../sdk/http.ts'
import { trackingClient } from '../../sdk/tracking.ts'
import { GOVERNED, governanceStories } from '../../src/training/registry/governance-stories.ts'
import { registryStories } from '../../src/training/registry/stories.ts'
import { eventsAfter, withService } from '../../src/training/testing.ts'
import { datasetStories } from '../../src/training/tracking/datasets/stories.ts'
import { experimentStories } from '../../src/training/tracking/experiments/stories.ts'
import { loggedModelStories } from '../../src/training/tracking/logged-models/stories.ts'
import { metricSampleStories } from '../../src/training/tracking/metric-samples/stories.ts'
import { searchStories } from '../../src/training/tracking/runs/search-stories.ts'
import { runStories } from '../../src/training/tracking/runs/stories.ts'
import { writerStories } from '../../src/training/tracking/runs/writer-stories.ts'
import { traceStories } from '../../src/training/tracking/traces/stories.ts'
import { webhookStories } from '../../src/training/tracking/webhooks/stories.ts'
import { summaryStories } from '../../src/training/tracking/summaries/stories.ts'
import { type PostgresServer, startPostgres } from '../lib/postgres.ts'

let server: PostgresServer | undefined
before(async () => {
  server = await startPostgres()
})
after(() => server?.stop())

const onPostgres = (database: string, more = '') =>
  withService(() => `project: test\nstorage: {database: "${server?.createDatabase(database) ?? ''}"}\n${more}`)

describe('experiments on PostgreSQL', () => experimentStories(onPostgres('experiments')))
describe('runs on PostgreSQL', () => runStories(onPostgres('runs')))
describe('many writers at once on PostgreSQL', () => writerStories(onPostgres('many_writers')))
describe('many runs on PostgreSQL', () => searchStories(onPostgres('many_runs')))
describe('summaries of runs on PostgreSQL', () => summaryStories(onPostgres('summaries')))
describe('data sets on PostgreSQL', () => datasetStories(onPostgres('datasets')))
describe('sampled metrics on PostgreSQL', () => metricSampleStories(onPostgres('metric_samples')))
describe('traces on PostgreSQL', () => traceStories(onPostgres('traces')))
describe('webhooks on PostgreSQL', () => webhookStories(onPostgres('webhooks')))
describe('logged models on PostgreSQL', () => loggedModelStories(onPostgres('logged_models')))
describe('the registry on PostgreSQL', () => registryStories(onPostgres('registry')))
describe('seals, gates, permissions and rollback on PostgreSQL', () => governanceStories(onPostgres('governance', GOVERNED)))

describe('writers at once on PostgreSQL', () => {
  const service = onPostgres('writers')

  test('batches of one run, whose keys come in any order, are all stored', async () => {
    const client = trackingClient(createTransport(service.url()))
    const run = await client.createRun('0')
    const keys = Array.from({ length: 20 }, (_, i) => `m${i}`)
    const batch = (step: number) => client.logMetrics(run.info.run_id, (step % 2 === 0 ? keys : keys.toReversed()).map((key) => ({ key, value: step, step })))
    await Promise.all(Array.from({ length: 30 }, (_, step) => batch(step)))
    const { data } = await client.getRun(run.info.run_id)
    assert.deepEqual(data.metrics.map(({ value }) => value), keys.map(() => 29))
    assert.equal((await client.metricHistory(run.info.run_id, 'm7')).length, 30)
  })

  test('versions get numbers of their own, an alias moves once, a run finishes once', async () => {
    const client = trackingClient(createTransport(service.url()))
    const run = await client.createRun('0')
    await client.registerModel('m')
    const before = (await eventsAfter(service.url(), 0)).length
    const versions = await Promise.all(Array.from({ length: 12 }, () => client.createVersion('m', { source: `${run.info.artifact_uri}/model`, runId: run.info.run_id })))
    assert.deepEqual(versions.map(({ version }) => Number(version)).toSorted((a, b) => a - b), Array.from({ length: 12 }, (_, i) => i + 1))
    const moves = await Promise.allSettled(versions.map(({ version }) => client.setAlias('m', 'champion', version, { expected: null })))
    assert.equal(moves.filter(({ status }) => status === 'fulfilled').length, 1)
    await Promise.all(Array.from({ length: 8 }, () => client.updateRun(run.info.run_id, { status: 'FINISHED', endTime: 1 })))
    const types = (await eventsAfter(service.url(), before)).map(({ type }) => type.replace('dev.millrace.', ''))
    const count = (type: string) => types.filter((one) => one === type).length
    assert.deepEqual([count('model.version.created'), count('model.alias.moved'), count('run.finished')], [12, 1, 1])
  })

  test('an experiment made by many at once is one', async () => {
    const client = trackingClient(createTransport(service.url()))
    const ids = await Promise.all(Array.from({ length: 10 }, () => client.getOrCreateExperiment('shared')))
    assert.equal(new Set(ids).size, 1)
  })
})

describe('two services on one PostgreSQL', () => {
  let database: string | undefined
  const yaml = () => {
    database ??= server?.createDatabase('shared')
    return `project: test\nstorage: {database: "${database ?? ''}"}\n`
  }
  const [first, second] = [withService(yaml), withService(yaml)]
  const clients = () => [trackingClient(createTransport(first.url())), trackingClient(createTransport(second.url()))] as const

  test('both write to the same runs at once, and each reads what the other wrote', async () => {
    const [one, other] = clients()
    const ids = (await Promise.all(Array.from({ length: 20 }, () => one.createRun('0')))).map(({ info }) => info.run_id)
    await Promise.all(
      [one, other].flatMap((writer, who) =>
        Array.from({ length: 10 }, async (_, step) => {
          for (const id of who === 0 ? ids : ids.toReversed()) await writer.logMetrics(id, [{ key: 'm', value: step, step: who * 10 + step }])
        }),
      ),
    )
    for (const id of ids) {
      const histories = await Promise.all([one.metricHistory(id, 'm'), other.metricHistory(id, 'm')])
      const runs = await Promise.all([one.getRun(id), other.getRun(id)])
      assert.deepEqual(histories.map(({ length }) => length), [20, 20])
      assert.deepEqual(runs.map(({ data }) => data.metrics[0]?.step), [19, 19])
    }
    await one.setTags(ids[0] ?? '', { said: 'by one' })
    assert.equal((await other.getRun(ids[0] ?? '')).data.tags.find(({ key }) => key === 'said')?.value, 'by one')
    await other.setTags(ids[0] ?? '', { said: 'by the other' })
    assert.equal((await one.getRun(ids[0] ?? '')).data.tags.find(({ key }) => key === 'said')?.value, 'by the other')
  })

  test('of many moves of an alias at both of them one is done', async () => {
    const [one, other] = clients()
    const { info } = await one.createRun('0')
    await one.registerModel('m')
    const versions = await Promise.all([one, other, one, other].map((each) => each.createVersion('m', { source: `${info.artifact_uri}/model`, runId: info.run_id })))
    assert.equal(new Set(versions.map(({ version }) => version)).size, 4)
    const moves = await Promise.allSettled(versions.map(({ version }, i) => (i % 2 === 0 ? one : other).setAlias('m', 'champion', version, { expected: null })))
    assert.equal(moves.filter(({ status }) => status === 'fulfilled').length, 1)
  })
})
