import assert from 'node:assert/strict'
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setUpStories } from '../testing-stories.ts'
import { FIXTURES, ready, until } from '../testing.ts'

const story = setUpStories({}, { versions: {}, aliases: {} })

test('callers that send what no version can run on roll no rollout back', async () => {
  const files = join(story.folder, 'matmul')
  mkdirSync(files)
  cpSync(join(FIXTURES, 'faults', 'matmul.onnx'), join(files, 'model.onnx'))
  for (const [alias, version] of [['champion', '1'], ['challenger', '2']] as const) {
    story.registry.add(version, files)
    story.registry.move(alias, version)
  }
  await story.start("clock: {simulated: '2013-04-01T00:00:00Z'}\ndeployments: [{model: delay, rollout: {steps: [{weight: 50, pause: 1h}, {weight: 60, pause: 1h}], analysis: {min_requests: 50, max_error_rate: 0.3}}}]")
  await ready(story.url)
  await until(async () => /alias="challenger"/.test(await story.metrics()))
  await story.client().moveRollout('delay', 'start', { actor: 'ada', reason: 'release' })
  const infer = async (id: string, columns: number) => {
    const input = { name: 'x', datatype: 'FP32', shape: [1, columns], data: Array.from({ length: columns }, () => 1) }
    return (await fetch(`${story.url}/v2/models/delay/infer`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ id, inputs: [input] }) })).status
  }
  const statuses = await Promise.all(Array.from({ length: 200 }, async (_, i) => infer(`r${i}`, i % 2 === 0 ? 3 : 4)))
  assert.deepEqual([statuses.filter((status) => status === 200).length, statuses.filter((status) => status === 400).length], [100, 100])
  await story.setClock('2013-04-01T01:00:00Z')
  await until(story.caughtUp)
  const state = await story.client().rollout('delay')
  assert.deepEqual([state?.phase, state?.step, state?.arms.candidate.errors], ['progressing', 1, 0])
})
