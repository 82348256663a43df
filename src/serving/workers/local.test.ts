import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { createMetrics } from '../../platform/metrics/index.ts'
import { makeDeployments } from '../deployments.ts'
import { ArmMeter } from '../rollout/counts.ts'
import { Split } from '../rollout/split.ts'
import { ServingMetrics } from '../runtime/metrics.ts'
import type { Target } from '../runtime/plane.ts'
import { testConfig } from '../testing.ts'
import { isLocal } from './local.ts'

const metrics = new ServingMetrics(createMetrics('serving'), { queues: () => [], live: () => [], journalHead: () => 0 })
/** Where a request goes asks no more of a version than its number. */
const target = (alias: string, version: string): Target => ({ alias, model: Object.create(null, { version: { value: version } }) })

function setUp() {
  const { deployments: configs } = testConfig({ yaml: 'deployments: [{model: a, rollout: {}}, {model: b}]' })
  const deployments = makeDeployments(configs, { url: () => 'http://127.0.0.1:9', log: pino({ level: 'silent' }), metrics, projectFolder: '.', folder: '.' })
  const [a, b] = deployments
  assert.ok(a && b)
  const local = isLocal(deployments)
  const post = (url: string, headers: Readonly<Record<string, string>> = {}) => local({ method: 'POST', url, headers })
  const split = (candidate: Target | null) => {
    const meters = { champion: new ArmMeter('champion', () => undefined), candidate: new ArmMeter('candidate', () => undefined) }
    a.split = new Split({ division: { rollout: 'r', step: 0, weight: 50, candidate: '2' }, config: { header: 'X-Millrace-Canary' }, meters, candidate: () => candidate })
  }
  return { a, b, local, post, split }
}

test('a worker answers predictions by versions that it has, and nothing else', () => {
  const { a, local, post } = setUp()
  assert.equal(post('/v2/models/a/infer'), false, 'it has no version yet')
  a.champion = target('champion', '1')
  assert.equal(post('/v2/models/a/infer'), true)
  assert.equal(post('/v2/models/a/versions/1/infer'), true)
  assert.equal(post('/v2/models/a/versions/2/infer'), false)
  assert.equal(post('/invocations', { 'x-millrace-model': 'a' }), true)
  assert.equal(post('/invocations', { 'x-millrace-model': 'b' }), false)
  assert.equal(post('/invocations'), false, 'which of two, the service says')
  assert.equal(post('/v2/models/c/infer'), false)
  assert.equal(post('/deployments/a/rollout/abort'), false)
  assert.equal(local({ method: 'GET', url: '/v2/models/a/infer', headers: {} }), false)
})

test('while a rollout is on it answers where it has both versions, and leaves all to the service where it has not', () => {
  const { a, post, split } = setUp()
  a.champion = target('champion', '1')
  split(null)
  assert.equal(post('/v2/models/a/infer'), false)
  assert.equal(post('/v2/models/a/versions/1/infer'), true, 'a version that is named is no part of the rollout')
  split(target('challenger', '2'))
  assert.equal(post('/v2/models/a/infer'), true)
})
