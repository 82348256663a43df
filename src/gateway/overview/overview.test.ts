import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Candidate } from '../../api/monitor.ts'
import type { Overview, StepName } from '../../api/overview.ts'
import type { DeploymentState } from '../../api/serving.ts'
import { configFor, startGateway, startPeer, until } from '../testing.ts'

const MODELS = 'deployments: [{model: m, shadow: [challenger, frozen]}]\n'
const stepOf = (overview: Overview, name: StepName) => overview.steps.find((step) => step.name === name)

test('before anything has happened every step waits, and says for what', async (t) => {
  const monitor = await startPeer(t, 'monitor', (http) => {
    http.get('/candidates', () => ({ candidates: [] }))
    http.get('/reports', () => ({ reports: [] }))
    http.get('/drift', () => ({ model: 'm', windows: [], columns: [] }))
    http.get('/performance', () => ({ model: 'm', aliases: [], points: [] }))
  })
  const serving = await startPeer(t, 'serving', (http) => {
    http.get('/deployments', (): DeploymentState[] => [])
  })
  const features = await startPeer(t, 'features', (http) => {
    http.get('/feature-views', () => ({ feature_views: [] }))
  })
  const gateway = await startGateway(t, configFor({ monitor: monitor.url, serving: serving.url, features: features.url }, MODELS))
  const overview = await gateway.json<Overview>('/api/overview')
  assert.deepEqual(overview.steps.map(({ name, state }) => `${name} ${state}`), [
    'version waiting', 'validate waiting', 'features waiting', 'train waiting', 'track waiting',
    'gate waiting', 'serve waiting', 'live waiting', 'watch waiting', 'retrain waiting',
  ])
  assert.deepEqual(overview.models, ['m'])
  assert.deepEqual(overview.services.filter(({ up }) => !up).map(({ name }) => name), ['tracking', 'pipelines'])
})

test('the story of a version is told from the log: made, judged, moved, by whom', async (t) => {
  const candidate: Candidate = {
    candidate_id: 'c', model: 'm', version: '2', execution_id: 'e', reason: 'drift', state: 'promoted',
    requested_at: '2013-05-01T00:00:00Z', shadow_until: null, decided_at: '2013-05-08T00:00:00Z', gates: [],
  }
  const monitor = await startPeer(t, 'monitor', (http) => {
    http.get('/candidates', () => ({ candidates: [candidate] }))
  })
  const tracking = await startPeer(t, 'tracking')
  const gateway = await startGateway(t, configFor({ monitor: monitor.url, tracking: tracking.url }, MODELS))
  await tracking.emitting('dev.millrace.run.finished', 'r', { run_id: 'r', experiment_id: '1', status: 'FINISHED', metrics: { auc: 0.75, log_loss: 0.44 } })
  for (const version of ['1', '2']) await tracking.emitting('dev.millrace.model.version.created', 'm', { model: 'm', version, run_id: 'r', tags: {} })
  const check = { name: 'gain', passed: true, value: 0.01, rule: 'gain > 0' }
  await tracking.emitting('dev.millrace.gate.decided', 'm', { model: 'm', version: '2', gate: 'promotion', passed: true, checks: [check] })
  await tracking.emitting('dev.millrace.model.alias.moved', 'm', { model: 'm', alias: 'champion', version: '1', previous: null, actor: 'anna', reason: 'first' })
  await tracking.emitting('dev.millrace.model.alias.moved', 'm', { model: 'm', alias: 'champion', version: '2', previous: '1', actor: 'monitor', reason: 'better' })
  const overview = await until(() => gateway.json<Overview>('/api/overview'), ({ moves }) => moves.length === 2)
  assert.deepEqual(overview.moves.map(({ actor, version, previous }) => [actor, version, previous]), [['monitor', '2', '1'], ['anna', '1', null]])
  const [second, first] = overview.versions
  assert.deepEqual([second?.version, second?.reason, second?.state, second?.aliases], ['2', 'drift', 'promoted', ['champion']])
  assert.deepEqual(second?.gates.map(({ gate, passed, checks }) => [gate, passed, checks]), [['promotion', true, [check]]])
  assert.deepEqual([first?.version, first?.reason, first?.state, first?.aliases], ['1', 'first', 'promoted', []])
  assert.deepEqual([stepOf(overview, 'train')?.figure, stepOf(overview, 'track')?.figure, stepOf(overview, 'gate')?.figure, stepOf(overview, 'retrain')?.figure], ['0.750', '1', '2', '1'])
})

test('a refused copy of the data is the contract at work; refused data of our own is a failure', async (t) => {
  const tracking = await startPeer(t, 'tracking')
  const gateway = await startGateway(t, configFor({ tracking: tracking.url }, MODELS))
  const checked = (data: string, passed: boolean) =>
    tracking.emitting('dev.millrace.contract.checked', 'c', { contract: 'c', data, passed, rows: 10, checks: 5, violations: passed ? [] : [{ rule: 'r', count: 1, share: 0.1 }] })
  const validate = async (checks: number) => {
    await until(() => gateway.json<{ position: number }>('/events/head'), ({ position }) => position === checks)
    return until(() => gateway.json<Overview>('/api/overview'), ({ position }) => position === checks)
  }
  await checked('data', true)
  await checked('copy', false)
  assert.equal(stepOf(await validate(2), 'validate')?.state, 'ok')
  await checked('data', false)
  const failed = stepOf(await validate(3), 'validate')
  assert.deepEqual([failed?.state, failed?.figure], ['failed', '4/5'])
})

test('a service that is down takes only its own part with it', async (t) => {
  const gateway = await startGateway(t, configFor({}, MODELS))
  const overview = await gateway.json<Overview>('/api/overview')
  assert.deepEqual(overview.drift, { error: 'monitor does not answer' })
  assert.deepEqual([stepOf(overview, 'serve')?.state, stepOf(overview, 'serve')?.detail], ['failed', 'serving does not answer'])
  assert.equal(stepOf(overview, 'version')?.state, 'waiting')
})

test('a model that the project does not name is not found', async (t) => {
  const gateway = await startGateway(t, configFor({}, MODELS))
  assert.equal((await gateway.get('/api/overview?model=other')).status, 404)
})
