import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trackingClient } from '../../../sdk/tracking.ts'
import { createTransport } from '../../../sdk/http.ts'
import { eventsAfter, withService } from '../testing.ts'
import { registryStories } from './stories.ts'

registryStories(withService())

const simulated = withService(() => 'project: test\nclock: {simulated: "2013-04-01T00:00:00Z"}\n')

test('a move carries its own moment of project time, and the history answers what was champion then', async () => {
  const client = trackingClient(createTransport(simulated.url()))
  await client.registerModel('m')
  const run = await client.createRun('0')
  for (let i = 0; i < 2; i++) await client.createVersion('m', { source: `${run.info.artifact_uri}/model`, runId: run.info.run_id })
  await client.setAlias('m', 'champion', '1', { time: new Date('2013-04-02T00:00:00Z') })
  await client.setAlias('m', 'champion', '2', { time: new Date('2013-05-02T12:00:00Z'), expected: '1' })
  const at = async (time: string) => (await client.aliasAt('m', 'champion', new Date(time)))?.version
  assert.equal(await at('2013-04-01T23:59:59Z'), undefined)
  assert.equal(await at('2013-04-02T00:00:00Z'), '1')
  assert.equal(await at('2013-05-02T11:59:59Z'), '1')
  assert.equal(await at('2013-12-01T00:00:00Z'), '2')
})

test('of many who move an alias from the same version, one does', async () => {
  const client = trackingClient(createTransport(simulated.url()))
  const run = await client.createRun('0')
  await client.registerModel('contended')
  const versions = await Promise.all(Array.from({ length: 10 }, () => client.createVersion('contended', { source: `runs:/${run.info.run_id}/m`, runId: run.info.run_id })))
  assert.deepEqual(new Set(versions.map(({ version }) => version)).size, 10)
  await client.setAlias('contended', 'champion', '1')
  const before = (await eventsAfter(simulated.url(), 0)).length
  const moves = await Promise.allSettled(Array.from({ length: 9 }, (_, i) => client.setAlias('contended', 'champion', String(i + 2), { expected: '1', actor: `mover ${i}` })))
  assert.equal(moves.filter(({ status }) => status === 'fulfilled').length, 1)
  assert.equal((await eventsAfter(simulated.url(), before)).length, 1)
  assert.equal((await client.aliasHistory('contended')).length, 2)
})
