import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RolloutAction } from '../../api/rollouts.ts'
import { type StoryOptions, setUpStories } from '../testing-stories.ts'
import { ROW, ready, until } from '../testing.ts'

const BY = { actor: 'ada', reason: 'release' }

/** Rollouts on any database, in one process or in workers. */
export function rolloutStories(options: StoryOptions): void {
  const story = setUpStories(options, { versions: { 1: 'one', 2: 'two', 4: 'plain' }, aliases: { champion: '1', challenger: '2' } })
  const { client } = story

  async function start(rollout: string, shadow = ''): Promise<void> {
    await story.start(`clock: {simulated: '2013-04-01T00:00:00Z'}\ndeployments: [{model: delay, rollout: ${rollout}${shadow}}]`)
    await ready(story.url)
    await until(async () => /alias="challenger"/.test(await story.metrics()))
  }

  const act = (action: RolloutAction, version?: string) => client().moveRollout('delay', action, { ...BY, ...(version === undefined ? {} : { version }) })
  const state = async () => {
    const found = await client().rollout('delay')
    assert.ok(found)
    return found
  }
  const at = async (time: string) => {
    await story.setClock(time)
    await until(story.caughtUp)
  }
  const events = async () => (await story.events()).filter(({ type }) => /stepped|rolled_back/.test(type))
  const told = async () => (await events()).map(({ type, data }) => ('phase' in data ? `${data.phase} ${data.step} ${data.weight}` : type.split('.').at(-1)))
  /** Sends requests and counts which version answered. */
  const send = async (count: number, headers: (i: number) => Record<string, string> = () => ({})) => {
    const versions: string[] = []
    for (let from = 0; from < count; from += 20) {
      const some = Array.from({ length: Math.min(20, count - from) }, (_, i) => client().predict('delay', [ROW], { requestId: `r${from + i}`, headers: headers(from + i) }))
      for (const answer of await Promise.allSettled(some)) versions.push(answer.status === 'fulfilled' ? answer.value.version : 'failed')
    }
    return versions
  }
  const share = (versions: readonly string[], version: string) => versions.filter((one) => one === version).length

  describe('a rollout', () => {
    test('goes through its steps in project time, moves the alias, and tells of each step', async () => {
      await start('{steps: [{weight: 10, pause: 1h}, {weight: 50, pause: 1h}], analysis: {min_requests: 20}}')
      assert.equal(share(await send(50), '2'), 0)
      assert.equal((await act('start')).weight, 10)
      const first = share(await send(400), '2')
      assert.ok(Math.abs(first - 40) <= 4 * Math.sqrt(400 * 0.1 * 0.9), `${first}`)
      await at('2013-04-01T00:59:00Z')
      assert.equal((await state()).step, 0)
      await at('2013-04-01T01:00:00Z')
      assert.equal((await state()).weight, 50)
      const second = share(await send(400), '2')
      assert.ok(Math.abs(second - 200) <= 4 * Math.sqrt(400 * 0.5 * 0.5), `${second}`)
      const { exposed } = await state()
      assert.deepEqual(exposed, { champion: 800 - first - second, candidate: first + second })
      await at('2013-04-01T02:00:00Z')
      await until(async () => (await state()).phase === 'promoted')
      assert.equal(share(await send(20), '2'), 20)
      assert.deepEqual(await told(), ['progressing 0 10', 'progressing 1 50', 'promoting 1 50', 'promoted 1 50'])
    })

    test('lets a caller choose, and remembers in the journal which arm a request was assigned to', async () => {
      await start('{steps: [{weight: 0}]}')
      await act('start')
      assert.equal(share(await send(20, () => ({ 'x-millrace-canary': 'always' })), '2'), 20)
      assert.equal(share(await send(20), '1'), 20)
      const { rollout } = await state()
      const { records } = await client().readJournal(0)
      assert.deepEqual(records.slice(0, 20).map(({ version, alias, exposure }) => ({ version, alias, exposure })), Array.from({ length: 20 }, () => ({ version: '2', alias: 'challenger', exposure: { rollout, arm: 'candidate', by: 'header' } })))
      assert.deepEqual(records.at(-1)?.exposure, { rollout, arm: 'champion', by: 'weight' })
    })

    test('tells how the candidate, in shadow, differs from what is answered', async () => {
      await start('{steps: [{weight: 0}]}', ', shadow: [challenger]')
      await act('start')
      await send(20)
      await until(async () => (await state()).agreement?.rows === 20)
      const { agreement } = await state()
      assert.ok(agreement && agreement.mean_difference !== null && agreement.mean_difference > 0 && agreement.other_class !== null && agreement.other_class >= 0)
      assert.match(await story.metrics(), /model_shadow_compared_rows_total\{model="delay",alias="challenger",version="2".*\} 20/)
    })

    test('gives a key the same version every time, over every protocol', async () => {
      await start('{steps: [{weight: 50}], sticky: {header: X-User}}')
      await act('start')
      const user = (i: number) => ({ 'x-user': `user-${i % 10}` })
      const versions = await send(100, user)
      for (let i = 0; i < 100; i++) assert.equal(versions[i], versions[i % 10])
      assert.equal(new Set(versions).size, 2)
      for (let i = 0; i < 10; i++) assert.equal((await client().invocations([ROW], { headers: user(i) })).version, versions[i])
      for (let i = 0; i < 10; i++) {
        const answer = await fetch(`${story.url}/v1/models/delay:predict`, { method: 'POST', headers: { ...user(i), 'content-type': 'application/json' }, body: JSON.stringify({ instances: [ROW] }) })
        assert.equal(answer.headers.get('x-millrace-model-version'), versions[i])
      }
    })

    test('takes a candidate back that fails, and no request fails after those that said so', async () => {
      story.registry.move('challenger', '4')
      await start('{steps: [{weight: 20, pause: 1d}]}')
      await act('start')
      const versions = await send(300)
      const failed = share(versions, 'failed')
      assert.ok(failed >= 2 && failed <= 20, `${failed} of those sent at once failed`)
      await until(async () => (await state()).phase === 'rolled_back')
      assert.equal(share(await send(100), '1'), 100)
      const last = (await events()).at(-1)
      assert.ok(last && 'previous' in last.data && 'reason' in last.data)
      assert.deepEqual([last.data.previous, last.type], ['4', 'dev.millrace.deployment.rolled_back'])
      assert.match(last.data.reason, /it (failed at|refused) \d+ of \d+ requests/)
    })

    test('goes on where it was after a stop, with its counts', async () => {
      const policy = '{steps: [{weight: 10, pause: 1h}, {weight: 50, pause: 1h}], analysis: {min_requests: 5}}'
      await start(policy)
      await act('start')
      const before = await send(200)
      await story.stop()
      await start(policy)
      assert.deepEqual((await state()).exposed, { champion: share(before, '1'), candidate: share(before, '2') })
      assert.deepEqual(await send(200), before, 'the same keys go to the same versions')
      await at('2013-04-01T01:00:00Z')
      assert.equal((await state()).step, 1)
    })

    test('ends where somebody else moves an alias that it is about', async () => {
      await start('{steps: [{weight: 50, pause: 1d}]}')
      await act('start')
      story.registry.move('champion', '4')
      await until(async () => (await state()).phase === 'rolled_back')
      assert.match((await state()).reason, /the alias champion was moved to version 4/)
      story.registry.move('champion', '1')
      story.registry.move('challenger', '2')
    })

    test('starts by itself where the policy says so, once for a version', async () => {
      await start('{start: automatic, steps: [{weight: 50, pause: 1d}]}')
      await until(async () => (await client().rollout('delay')) !== undefined)
      assert.deepEqual([(await state()).candidate, (await state()).actor], ['2', 'rollout policy'])
      await act('abort')
      await at('2013-04-01T05:00:00Z')
      assert.equal((await state()).phase, 'aborted')
    })

    test('brings the candidate alias to a version that is named', async () => {
      await start('{steps: [{weight: 100}]}')
      assert.equal((await act('start', '4')).candidate, '4')
      assert.equal((await act('abort')).phase, 'aborted')
      assert.equal((await act('start', '2')).candidate, '2')
      assert.equal((await act('promote')).phase, 'promoted')
      assert.equal((await client().predict('delay', [ROW])).version, '2')
    })
  })

  test('commands: what each answers in each state', async () => {
    await start('{steps: [{weight: 10}, {weight: 50, pause: 1h}]}')
    const post = async (action: string, body: unknown = BY) => (await fetch(`${story.url}/deployments/delay/rollout/${action}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).status
    const TABLE: readonly [string, unknown, number, string | null][] = [
      ['pause', BY, 409, null],
      ['resume', BY, 409, null],
      ['promote', BY, 409, null],
      ['abort', BY, 409, null],
      ['dance', BY, 400, null],
      ['start', {}, 400, null],
      ['start', { ...BY, version: '1' }, 409, null],
    ]
    for (const [action, body, status] of TABLE) assert.equal(await post(action, body), status, action)
    assert.equal((await fetch(`${story.url}/deployments/delay/rollout`)).status, 404)
    assert.equal((await fetch(`${story.url}/deployments/none/rollout`)).status, 404)
    story.registry.move('challenger', '2')
    await until(async () => (await post('start')) === 200)
    const RUNNING: readonly [string, unknown, number][] = [
      ['start', BY, 200],
      ['start', { ...BY, version: '4' }, 409],
      ['pause', { ...BY, version: '4' }, 400],
      ['pause', BY, 200],
      ['pause', BY, 200],
      ['resume', BY, 200],
      ['abort', BY, 200],
      ['abort', BY, 200],
      ['resume', BY, 409],
      ['promote', BY, 409],
    ]
    for (const [action, body, status] of RUNNING) assert.equal(await post(action, body), status, action)
  })
}
