import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { trackingClient } from '../../../sdk/tracking.ts'
import { createTransport } from '../../../sdk/http.ts'
import { projectConfigSchema } from '../../domain/config.ts'
import { parseConfig } from '../../platform/config/index.ts'
import { RULES } from '../access/rules.ts'
import { eventsAfter, withService } from '../testing.ts'
import { policyOf } from './access.ts'
import { gatesOf } from './gates.ts'
import { GOVERNED, governanceStories } from './governance-stories.ts'

governanceStories(withService(() => `project: test${GOVERNED}`))

const registryOf = (yaml: string) => parseConfig(projectConfigSchema, `project: test\nregistry:\n${yaml}`, 'millrace.yaml').registry
const closed = withService(() => 'project: test\nregistry: {permissions: {default: deny}}\n')

test('every route that changes the registry asks the policy first, and a refusal changes nothing and is told', async () => {
  const changing = [...RULES].filter(([, { action, resource }]) => action === 'write' && resource === 'models').map(([route]) => route)
  assert.ok(changing.length >= 16, String(changing.length))
  const body = { name: 'm', new_name: 'n', key: 'k', value: 'v', version: '1', alias: 'a', source: 'runs:/x/model', stage: 'Production', description: 'd' }
  for (const route of changing) {
    const [method = '', path = ''] = route.split(' ')
    const before = (await eventsAfter(closed.url(), 0)).length
    const { status, text } = await closed.send(method, `/api${path}`, { body, headers: { 'x-millrace-actor': 'eve' } })
    assert.equal(status, 403, `${route}: ${status} ${text}`)
    const told = (await eventsAfter(closed.url(), before)).map(({ type, data }) => ({ type, data }))
    assert.equal(told.length, 1, route)
    assert.match(JSON.stringify(told), /dev\.millrace\.access\.denied.*"actor":"eve"/)
  }
  assert.deepEqual(JSON.parse((await closed.send('GET', '/api/2.0/mlflow/registered-models/search')).text), { registered_models: [] })
})

test('without rules, this machine may and others may not', () => {
  const ask = (remote: string) => policyOf(registryOf('  gates: []').permissions)({ actor: undefined, action: 'model.create', resource: { model: 'm' }, remote }).allowed
  assert.deepEqual(['127.0.0.1', '::1', '::ffff:127.0.0.1', '10.0.0.1', '::ffff:10.0.0.1', '2001:db8::1', ''].map(ask), [true, true, true, false, false, false, false])
})

test('a pattern is a pattern of its star alone', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (name, other) => {
      const policy = policyOf({ roles: [], default: 'deny', rules: [{ role: '*', actions: ['*'], models: [name.replaceAll('*', '+')], aliases: ['*'], effect: 'allow' }] })
      const may = (model: string) => policy({ actor: 'a', action: 'alias.set', resource: { model }, remote: '' }).allowed
      assert.equal(may(name.replaceAll('*', '+')), true)
      assert.equal(may(other), other === name.replaceAll('*', '+'))
    }),
  )
})

test('a gate that says nothing sensible, and a role that nobody has, are refused at the start', () => {
  assert.throws(() => gatesOf(registryOf('  gates: [{alias: champion, requires: ["metrics.auc > high"]}]').gates), /CONFIG_INVALID|registry\.gates\[0\]\.requires\[0\].*found "high", expected a number/s)
  assert.throws(() => policyOf(registryOf('  permissions: {rules: [{role: nobody}]}').permissions), /role "nobody" is not one of/)
})

const racing = withService(() => 'project: test\n')

test('uploads that race with a registration are in its manifest or refused; never neither', async () => {
  const client = trackingClient(createTransport(racing.url()))
  await client.registerModel('race')
  for (let round = 0; round < 5; round++) {
    const { info } = await client.createRun('0')
    await client.uploadArtifact(info.run_id, 'model/MLmodel', 'first')
    const uploads = Array.from({ length: 12 }, (_, i) => client.uploadArtifact(info.run_id, `model/part-${i % 6}`, `${round}/${i}`.repeat(5000)))
    const registered = client.createVersion('race', { source: `${info.artifact_uri}/model`, runId: info.run_id })
    await Promise.allSettled(uploads)
    const { version } = await registered
    const { text } = await racing.send('GET', `/api/2.0/millrace/registry/verify?name=race&version=${version}`)
    assert.equal(JSON.parse(text).ok, true, text)
  }
})
