import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createTransport } from '../../sdk/http.ts'
import { trackingClient } from '../../sdk/tracking.ts'
import type { EventData } from '../../src/api/events.ts'
import { startTrackingProcess } from '../../src/training/testing-process.ts'
import { eventsAfter } from '../../src/training/testing.ts'
import { startPostgres } from '../lib/postgres.ts'

const RUNS = 120
const POINTS = 2500
const BATCH = 500
const MODELS = 20

interface Page {
  readonly next_page_token?: string
}

const transportOf = (url: string) => createTransport(url, { retryForMs: 0 })
const files = async (url: string, path: string) =>
  (await transportOf(url).json<{ files: readonly { path: string }[] }>('GET', '/api/2.0/mlflow-artifacts/artifacts', { query: { path } })).files.map(({ path: name }) => name)

/** Half of the runs are deleted, and with them the models that they made; and an experiment with runs of its own. */
async function fill(url: string) {
  const client = trackingClient(transportOf(url))
  const post = <T>(path: string, body: unknown) => transportOf(url).json<T>('POST', `/api/2.0/mlflow/${path}`, { body })
  const other = await client.createExperiment('goes whole')
  const world = { kept: [] as string[], gone: [] as string[], models: [] as string[], other }
  for (let i = 0; i < RUNS; i++) {
    const { info } = await client.createRun(i % 10 === 0 ? other : '0', { name: `${i}` })
    const id = info.run_id
    for (let at = 0; at < POINTS; at += BATCH) await client.logMetrics(id, Array.from({ length: BATCH }, (_, step) => ({ key: `m${step % 3}`, value: step, step: at + step, timestamp: 1 })))
    for (let file = 0; file < 5; file++) await client.uploadArtifact(id, `f/${file}.txt`, `${id} ${file}`)
    const goes = i % 2 === 0
    world[goes ? 'gone' : 'kept'].push(id)
    if (goes && world.models.length < MODELS && i % 10 !== 0) {
      const { model } = await post<{ model: { info: { model_id: string } } }>('logged-models', { experiment_id: '0', name: `m${i}`, source_run_id: id })
      world.models.push(model.info.model_id)
    }
  }
  for (const run_id of world.gone) await post('runs/delete', { run_id })
  await post('experiments/delete', { experiment_id: other })
  return world
}

async function collectWhole(url: string): Promise<void> {
  for (let token: string | undefined = ''; token !== undefined; ) {
    token = (await transportOf(url).json<Page>('POST', '/api/2.0/millrace/gc/collect', { body: token === '' ? {} : { page_token: token } })).next_page_token
  }
}

async function allEvents(url: string) {
  const all = []
  for (let page = await eventsAfter(url, 0); page.length > 0; page = await eventsAfter(url, all.length)) all.push(...page)
  return all
}

/** Kills the service at moments that nobody chooses while it removes, later and later, until a removal comes to its end. */
async function killWhileRemoving(t: TestContext, yaml: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-gc-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  let tracking = await startTrackingProcess(folder, yaml)
  t.after(() => tracking.kill())
  const { kept, gone, models, other } = await fill(tracking.url)
  let kills = 0
  for (let done = false; !done; ) {
    const collected = collectWhole(tracking.url).then(() => true, () => false)
    const killed = new Promise<false>((resolve) => setTimeout(() => resolve(false), 10 + Math.random() * (100 + 20 * kills)))
    done = await Promise.race([collected, killed])
    if (done) break
    kills++
    await tracking.kill()
    await collected
    tracking = await startTrackingProcess(folder, yaml)
  }
  t.diagnostic(`killed ${kills} times`)
  assert.ok(kills >= 3, `killed ${kills} times only`)

  const { url } = tracking
  const client = trackingClient(transportOf(url))
  for (const id of gone) await assert.rejects(client.getRun(id), { code: 'NOT_FOUND' })
  for (const id of models) await assert.rejects(transportOf(url).json('GET', `/api/2.0/mlflow/logged-models/${id}`), { code: 'NOT_FOUND' })
  assert.equal(await client.getExperimentByName('goes whole'), undefined)
  for (const id of kept) {
    assert.equal((await client.metricHistory(id, 'm1')).length, (POINTS / BATCH) * Math.round(BATCH / 3))
    assert.equal(new TextDecoder().decode(await client.downloadArtifact(id, 'f/4.txt')), `${id} 4`)
  }
  assert.deepEqual((await files(url, '0')).filter((name) => name !== 'models').toSorted(), kept.toSorted(), 'no file without its run')
  assert.deepEqual(await files(url, other), [])
  assert.deepEqual((await transportOf(url).json<{ items: unknown }>('POST', '/api/2.0/millrace/gc/plan', { body: {} })).items, [])

  const told = (await allEvents(url)).filter(({ type }) => type === 'dev.millrace.deleted.purged').map(({ data }) => data as EventData['dev.millrace.deleted.purged'])
  const ids = (kind: 'runs' | 'logged_models' | 'experiments') => told.flatMap((one) => one[kind]).toSorted()
  assert.deepEqual([ids('runs'), ids('logged_models'), ids('experiments')], [gone.toSorted(), models.toSorted(), [other]], 'each is told once')
  assert.equal(told.reduce((sum, { points }) => sum + points, 0), gone.length * POINTS)
}

test('killed with -9 at random moments while it removes what was deleted, it goes on: all of it goes, nothing else, and each is told once', (t) => killWhileRemoving(t, ''))

test('and on PostgreSQL', async (t) => {
  const server = await startPostgres()
  t.after(() => server.stop())
  await killWhileRemoving(t, `storage: {database: '${server.url}'}\n`)
})
