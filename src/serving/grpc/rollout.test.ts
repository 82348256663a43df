import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { freePort } from '../../platform/http/testing.ts'
import { setUpStories } from '../testing-stories.ts'
import { ROW, ready, until } from '../testing.ts'
import { grpcClient } from './testing.ts'

const BY = { actor: 'ada', reason: 'release' }
const INPUTS = (Object.entries(ROW) as [string, string | number][]).map(([name, value]) =>
  typeof value === 'string'
    ? { name, datatype: 'BYTES', shape: ['1'], contents: { bytes_contents: [Buffer.from(value)] } }
    : { name, datatype: 'FP64', shape: ['1', '1'], contents: { fp64_contents: [value] } },
)

interface Answered {
  readonly code: number
  readonly version: string
  readonly arm: string
}

describe('a rollout over gRPC', () => {
  const story = setUpStories({}, { versions: { 1: 'one', 2: 'two', 4: 'plain' }, aliases: { champion: '1', challenger: '2' } })

  /** Starts with a rollout under way, and runs `told` with a way to ask. */
  async function under(rollout: string, told: (ask: (id: string, metadata?: Readonly<Record<string, string>>) => Promise<Answered>) => Promise<void>): Promise<void> {
    const port = await freePort()
    await story.start(`deployments: [{model: delay, rollout: ${rollout}}]`, { grpcPort: port })
    await ready(story.url)
    await until(async () => /alias="challenger"/.test(await story.metrics()))
    const { call, client } = grpcClient(port, 'inference.GRPCInferenceService')
    const ask = async (id: string, metadata: Readonly<Record<string, string>> = {}): Promise<Answered> => {
      const { code, metadata: said } = await call('ModelInfer', { model_name: 'delay', id, inputs: INPUTS }, metadata)
      const value = (name: string) => String(said.get(name)[0] ?? '')
      return { code, version: value('x-millrace-model-version'), arm: value('x-millrace-rollout-arm') }
    }
    assert.deepEqual(await ask('before'), { code: 0, version: '1', arm: '' })
    await story.client().moveRollout('delay', 'start', BY)
    await told(ask)
    client.close()
  }

  test('obeys the caller’s metadata, says which arm answered, and remembers it in the journal', async () => {
    await under('{steps: [{weight: 0}]}', async (ask) => {
      assert.deepEqual(await ask('a', { 'x-millrace-canary': 'always' }), { code: 0, version: '2', arm: 'candidate' })
      assert.deepEqual(await ask('b', { 'x-millrace-canary': 'never' }), { code: 0, version: '1', arm: 'champion' })
      assert.deepEqual(await ask('c'), { code: 0, version: '1', arm: 'champion' })
      const rollout = await story.client().rollout('delay')
      const { records } = await story.client().readJournal(0)
      assert.deepEqual(
        records.map(({ id, exposure }) => [id, exposure]),
        [
          ['before', undefined],
          ['a', { rollout: rollout?.rollout, arm: 'candidate', by: 'header' }],
          ['b', { rollout: rollout?.rollout, arm: 'champion', by: 'header' }],
          ['c', { rollout: rollout?.rollout, arm: 'champion', by: 'weight' }],
        ],
      )
    })
  })

  test('gives a key, of the request or sticky in the metadata, the version that REST gives it', async () => {
    await under('{steps: [{weight: 50}], sticky: {header: X-User}}', async (ask) => {
      const versions = new Set<string>()
      for (let i = 0; i < 20; i++) {
        const user: Readonly<Record<string, string>> = i < 10 ? { 'x-user': `user-${i}` } : {}
        const overRest = await story.client().predict('delay', [ROW], { requestId: `id-${i}`, headers: user })
        const { version } = await ask(i < 10 ? `other-${i}` : `id-${i}`, user)
        assert.equal(version, overRest.version)
        versions.add(version)
      }
      assert.equal(versions.size, 2)
      const state = await story.client().rollout('delay')
      assert.equal((state?.exposed.champion ?? 0) + (state?.exposed.candidate ?? 0), 40)
    })
  })

  test('takes a candidate back that fails', async () => {
    story.registry.move('challenger', '4')
    await under('{steps: [{weight: 50}]}', async (ask) => {
      for (let i = 0; i < 20; i++) await ask(`id-${i}`)
      await until(async () => (await story.client().rollout('delay'))?.phase === 'rolled_back')
      assert.deepEqual(await ask('later'), { code: 0, version: '1', arm: '' })
    })
  })
})
