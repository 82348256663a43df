import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTransport } from '../../../sdk/http.ts'
import { trackingClient } from '../../../sdk/tracking.ts'
import type { EventData } from '../../api/events.ts'
import { type ServiceUnderTest, eventsAfter } from '../testing.ts'

interface Plan {
  readonly items: readonly { readonly kind: string; readonly id: string; readonly points: number; readonly files: number; readonly bytes: number }[]
  readonly held: readonly { readonly id: string; readonly why: string }[]
  readonly next_page_token?: string
}

interface Collected {
  readonly runs: number
  readonly points: number
  readonly next_page_token?: string
}

/** What is deleted, and what of it goes for good. On every database. */
export function retentionStories(service: ServiceUnderTest): void {
  const transport = () => createTransport(service.url())
  const client = () => trackingClient(transport())
  const post = (path: string, body: unknown) => transport().json('POST', `/api/2.0/mlflow/${path}`, { body })
  const all = async <P extends { next_page_token?: string }>(path: string, selection: object): Promise<readonly P[]> => {
    const pages: P[] = []
    for (let token: string | undefined = ''; token !== undefined; ) {
      const page: P = await transport().json<P>('POST', `/api/2.0/millrace/gc/${path}`, { body: { ...selection, ...(token === '' ? {} : { page_token: token }) } })
      pages.push(page)
      token = page.next_page_token
    }
    return pages
  }
  const plan = async (selection = {}) => {
    const pages = await all<Plan>('plan', selection)
    return { items: pages.flatMap(({ items }) => items), held: pages.flatMap(({ held }) => held) }
  }
  const collect = async (selection = {}) => (await all<Collected>('collect', selection)).reduce((sum, page) => ({ runs: sum.runs + page.runs, points: sum.points + page.points }), { runs: 0, points: 0 })
  const newRun = async (experiment: string, name: string, points = 1) => {
    const { info } = await client().createRun(experiment, { name })
    await client().logMetrics(info.run_id, Array.from({ length: points }, (_, step) => ({ key: `m${step % 3}`, value: step === 5 ? Number.NaN : step, step, timestamp: 1 })))
    await client().uploadArtifact(info.run_id, 'a/b.txt', name)
    return info.run_id
  }
  const remove = (runId: string) => post('runs/delete', { run_id: runId })
  const kept: Record<string, string> = {}

  test('a dry run says what would go and changes nothing; what is not deleted is never part of it', async () => {
    kept['active'] = await newRun('0', 'active')
    kept['gone'] = await newRun('0', 'gone', 25_000)
    await remove(kept['gone'])
    const { items, held } = await plan()
    assert.deepEqual(items.map(({ kind, id, points, files, bytes }) => [kind, id, points, files, bytes]), [['run', kept['gone'], 25_000, 1, 4]])
    assert.deepEqual(held, [])
    assert.equal((await client().getRun(kept['gone'])).info.lifecycle_stage, 'deleted')
  })

  test('what was deleted too short a time ago stays, and so does what was restored', async () => {
    assert.deepEqual((await plan({ older_than: 3_600_000 })).items, [])
    assert.deepEqual(await collect({ older_than: 3_600_000 }), { runs: 0, points: 0 })
    await post('runs/restore', { run_id: kept['gone'] })
    assert.deepEqual((await plan()).items, [])
    await remove(kept['gone'] ?? '')
    assert.equal((await plan()).items.length, 1)
  })

  test('naming what is not deleted is an error, as in MLflow', async () => {
    await assert.rejects(plan({ run_ids: [kept['active']] }), { code: 'BAD_REQUEST', message: /not in 'deleted' lifecycle stage/ })
    await assert.rejects(collect({ experiment_ids: ['0'] }), { code: 'BAD_REQUEST', message: /Experiment 0 is not in 'deleted'/ })
  })

  test('a run goes with its points and files, in slices, and nothing of others', async () => {
    assert.deepEqual(await collect({ run_ids: [kept['gone']] }), { runs: 1, points: 25_000 })
    await assert.rejects(client().getRun(kept['gone'] ?? ''), { code: 'NOT_FOUND' })
    const { files } = await transport().json<{ files: readonly { path: string }[] }>('GET', '/api/2.0/mlflow-artifacts/artifacts', { query: { path: '0' } })
    assert.deepEqual(files.map(({ path }) => path), [kept['active']])
    assert.equal((await client().metricHistory(kept['active'] ?? '', 'm0')).length, 1)
  })

  test('what a registered version needs stays, with the reason, until the version is gone', async () => {
    const run = await newRun('0', 'registered')
    await client().registerModel('held')
    await client().createVersion('held', { source: `runs:/${run}/a`, runId: run })
    await remove(run)
    const { items, held } = await plan()
    assert.deepEqual([items, held.map(({ id, why }) => [id, why])], [[], [[run, 'version 1 of held is registered from it']]])
    assert.deepEqual(await collect(), { runs: 0, points: 0 })
    assert.equal(new TextDecoder().decode(await client().downloadArtifact(run, 'a/b.txt')), 'registered')
    await transport().json('DELETE', '/api/2.0/mlflow/registered-models/delete', { body: { name: 'held' } })
    assert.equal((await collect()).runs, 1)
  })

  test("a run's logged models go with it; one that a run in use has read stays", async () => {
    const run = await newRun('0', 'maker')
    const model = async (name: string) => {
      const { model: made } = await transport().json<{ model: { info: { model_id: string } } }>('POST', '/api/2.0/mlflow/logged-models', { body: { experiment_id: '0', name, source_run_id: run } })
      return made.info.model_id
    }
    const [own, used] = [await model('own'), await model('used')]
    await post('runs/log-inputs', { run_id: kept['active'], models: [{ model_id: used }] })
    await remove(run)
    assert.deepEqual((await plan()).held.map(({ id, why }) => [id, why]), [[used, `run ${kept['active']} used it`]])
    await collect()
    await assert.rejects(transport().json('GET', `/api/2.0/mlflow/logged-models/${own}`), { code: 'NOT_FOUND' })
    await transport().json('GET', `/api/2.0/mlflow/logged-models/${used}`)
  })

  test('each removal is told once, with what went, by whom, and not more than fifty in one event', async () => {
    const experiment = await client().createExperiment('many')
    const ids = []
    for (let i = 0; i < 102; i++) ids.push((await client().createRun(experiment, { name: `${i}` })).info.run_id)
    await client().logMetrics(ids[0] ?? '', Array.from({ length: 30 }, (_, step) => ({ key: 'm', value: step, step, timestamp: 1 })))
    await post('experiments/delete', { experiment_id: experiment })
    const before = (await eventsAfter(service.url(), 0)).length
    const headers = { 'x-millrace-actor': 'ada', 'x-millrace-reason': 'room' }
    for (let token: string | undefined = ''; token !== undefined; ) {
      const { text } = await service.send('POST', '/api/2.0/millrace/gc/collect', { body: { experiment_ids: [experiment], ...(token === '' ? {} : { page_token: token }) }, headers })
      token = (JSON.parse(text) as { next_page_token?: string }).next_page_token
    }
    const told = (await eventsAfter(service.url(), before)).map(({ type, data }) => (assert.equal(type, 'dev.millrace.deleted.purged'), data as EventData['dev.millrace.deleted.purged']))
    assert.ok(told.every(({ runs, actor, reason }) => runs.length <= 50 && actor === 'ada' && reason === 'room'))
    assert.deepEqual(told.flatMap(({ runs }) => runs).toSorted(), ids.toSorted())
    assert.equal(told.reduce((sum, { points }) => sum + points, 0), 30)
    assert.deepEqual(told.flatMap(({ experiments }) => experiments), [experiment])
  })

  test('a deleted experiment goes with all that is in it, and its name is free again', async () => {
    const experiment = await client().createExperiment('all of it')
    for (let i = 0; i < 5; i++) await newRun(experiment, `run ${i}`, 10)
    await post('experiments/delete', { experiment_id: experiment })
    assert.deepEqual(await collect({ experiment_ids: [experiment] }), { runs: 5, points: 50 })
    assert.equal(await client().getExperimentByName('all of it'), undefined)
    assert.notEqual(await client().createExperiment('all of it'), experiment)
    await assert.rejects(post('experiments/restore', { experiment_id: experiment }), { code: 'NOT_FOUND' })
  })

  test('several that collect at once remove everything once', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, (_, i) => newRun('0', `many ${i}`, 100)))
    await Promise.all(ids.map(remove))
    await Promise.all([collect(), collect(), collect()])
    for (const id of ids) await assert.rejects(client().getRun(id), { code: 'NOT_FOUND' })
    assert.deepEqual((await plan()).items, [])
  })
}
