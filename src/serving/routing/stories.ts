import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type StoryOptions, setUpStories } from '../testing-stories.ts'
import { FIXTURES, ROW, ready, until } from '../testing.ts'

const DEPLOYMENT = 'deployments: [{model: delay, shadow: [challenger, frozen]}]'

/** How aliases are followed, on any database. */
export function followingStories(options: StoryOptions): void {
  const story = setUpStories(options, { versions: { 1: 'one', 2: 'two' }, aliases: { champion: '1' } })
  const { client, events, caughtUp } = story
  const start = (options?: { readonly tracking: string }) => story.start(DEPLOYMENT, options)
  const deployment = async () => {
    const [only] = await client().deployments()
    assert.ok(only)
    return only
  }
  const journal = async () => (await client().readJournal(0)).records

  describe('following aliases', () => {
    test('an alias that moves is followed, with an event for each rollout', async () => {
      await start()
      await ready(story.url)
      assert.equal((await client().predict('delay', [ROW])).version, '1')
      story.registry.move('champion', '2')
      await until(async () => (await deployment()).version === '2' && (await caughtUp()))
      assert.equal((await client().predict('delay', [ROW])).version, '2')
      const rolledOut = (await events()).map(({ type, data }) => ({ type, data }))
      assert.equal(rolledOut.length, 2)
      const last = rolledOut.at(-1)
      assert.ok(last && 'swap_ms' in last.data)
      assert.equal(last.type, 'dev.millrace.deployment.rolled_out')
      const { swap_ms: swapMs, ...rest } = last.data
      assert.equal(typeof swapMs, 'number')
      assert.deepEqual(rest, { model: 'delay', alias: 'champion', version: '2', previous: '1' })
    })

    test('under load, no request fails while the alias moves to and fro', async () => {
      await start()
      await ready(story.url)
      const load = { running: true }
      const versions = new Set<string>()
      let answered = 0
      const loading = Array.from({ length: 8 }, async () => {
        while (load.running) {
          versions.add((await client().predict('delay', [ROW])).version)
          answered++
        }
      })
      for (const version of ['2', '1', '2', '1', '2']) {
        story.registry.move('champion', version)
        await until(async () => (await deployment()).version === version)
        await client().predict('delay', [ROW])
      }
      load.running = false
      await Promise.all(loading)
      assert.deepEqual([...versions].sort(), ['1', '2'])
      assert.equal((await journal()).length, answered + 5)
    })

    test('a file that is not ONNX is refused with the reason, and the old version stays', async () => {
      story.registry.add('3', join(FIXTURES, 'one'))
      writeFileSync(join(story.folder, 'registry', '3', 'model.onnx'), 'this is not ONNX')
      await start()
      await ready(story.url)
      story.registry.move('champion', '3')
      await until(async () => (await deployment()).state === 'failed')
      const state = await deployment()
      assert.equal(state.version, '1')
      assert.match(state.reason ?? '', /model\.onnx is not a model that ONNX Runtime can load/)
      assert.equal((await client().predict('delay', [ROW])).version, '1')
      await until(async () => (await events()).some(({ type }) => type === 'dev.millrace.deployment.failed'))
      // Nothing to wait for: one more try at most, where the move and the event both asked for one.
      await until(caughtUp)
      story.registry.move('champion', '2')
      await until(async () => (await deployment()).version === '2')
      assert.equal((await deployment()).state, 'ready')
    })

    const BROKEN: readonly [string, string, string | null, RegExp][] = [
      ['features.json that is no JSON', 'features.json', '{', /features\.json: is no JSON/],
      ['features.json that does not fit the ONNX inputs', 'features.json', null, /has 3 columns, features\.json makes 2/],
      ['an empty model file', 'model.onnx', '', /empty/],
      ['a version without an ONNX file', 'MLmodel', 'flavors: {onnx: {data: none.onnx}}', /the version has no file none\.onnx, and only ONNX models are served/],
      ['an MLmodel that leads out of its folder', 'MLmodel', 'flavors: {onnx: {data: ../../secret.onnx}}', /leave|outside|expected a relative path/],
    ]
    for (const [name, file, content, reason] of BROKEN) {
      test(`${name} is refused, as what no retry will change`, async () => {
        story.registry.add('3', join(FIXTURES, 'one'))
        const path = join(story.folder, 'registry', '3', file)
        writeFileSync(path, content ?? shorter())
        story.registry.move('champion', '3')
        await start()
        await until(async () => (await deployment()).state === 'failed')
        assert.match((await deployment()).reason ?? '', reason)
        await assert.rejects(client().predict('delay', [ROW]), { status: 422, message: reason })
      })
    }

    test('a deployment whose alias does not exist is absent, and answers that', async () => {
      story.registry.move('champion', null)
      await start()
      await until(caughtUp)
      assert.equal((await deployment()).state, 'absent')
      await assert.rejects(client().invocations([ROW]), { status: 503, message: /delay@champion is absent/ })
      assert.equal((await fetch(`${story.url}/health`)).status, 200)
    })

    test('after a restart it answers at once from its own disk, with tracking down, and asks again later', async () => {
      await start()
      await ready(story.url)
      await story.stop()
      await start({ tracking: 'http://127.0.0.1:9' })
      assert.equal((await client().predict('delay', [ROW])).version, '1')
      assert.equal((await events()).length, 1)
      assert.equal(await caughtUp(), false)
    })

    test('a version of the same number that is another model is fetched anew', async () => {
      await start()
      await ready(story.url)
      await story.stop()
      story.registry.add('1', join(FIXTURES, 'two'))
      story.registry.generation++
      await start()
      const score = async () => (await client().predict('delay', [ROW])).probabilities[0] ?? 0
      const before = await score()
      await until(async () => Math.abs((await score()) - before) > 1e-3)
      // What is told of that number is now told of it.
      assert.match(await story.metrics(), /^model_load_seconds\{.*version="1".*\} /m)
    })
  })

  describe('shadows', () => {
    test('predict on the same rows, are journaled after the answer, and are never returned', async () => {
      story.registry.move('challenger', '2')
      await start()
      await until(async () => (await deployment()).shadows.length === 1)
      const { version, probabilities } = await client().predict('delay', [ROW, { ...ROW, carrier: 'UA' }], { requestId: 'r' })
      assert.equal(version, '1')
      await until(async () => (await journal()).length === 4)
      const records = await journal()
      assert.deepEqual(
        records.map(({ id, row, alias, role, version: v, inputs }) => ({ id, row, alias, role, version: v, inputs: inputs !== undefined })),
        [
          { id: 'r', row: 0, alias: 'champion', role: 'champion', version: '1', inputs: true },
          { id: 'r', row: 1, alias: 'champion', role: 'champion', version: '1', inputs: true },
          { id: 'r', row: 0, alias: 'challenger', role: 'shadow', version: '2', inputs: false },
          { id: 'r', row: 1, alias: 'challenger', role: 'shadow', version: '2', inputs: false },
        ],
      )
      assert.deepEqual(records.slice(0, 2).map(({ score }) => score), probabilities)
      assert.notEqual(records[2]?.score, records[0]?.score)
    })

    test('an alias that points at the champion’s own version is journaled without predicting twice', async () => {
      story.registry.move('frozen', '1')
      await start()
      await until(async () => (await deployment()).shadows.length === 1)
      await client().predict('delay', [ROW])
      const [champion, frozen] = await journal()
      assert.deepEqual({ role: frozen?.role, alias: frozen?.alias, score: frozen?.score }, { role: 'shadow', alias: 'frozen', score: champion?.score })
    })

    test('one that cannot take the rows fails alone', async () => {
      story.registry.add('4', join(FIXTURES, 'plain'))
      story.registry.move('challenger', '4')
      await start()
      await until(async () => (await deployment()).shadows.length === 1)
      assert.equal((await client().predict('delay', [ROW])).version, '1')
      await until(async () => /shadow_failure_total\{model="delay",alias="challenger".*\} 1/.test(await (await fetch(`${story.url}/metrics`)).text()))
      assert.equal((await journal()).length, 1)
    })

    test('a promotion shares the version that is in memory already', async () => {
      story.registry.move('challenger', '2')
      await start()
      await until(async () => (await deployment()).shadows.length === 1)
      story.registry.move('champion', '2')
      story.registry.move('challenger', null)
      await until(async () => (await deployment()).version === '2' && (await deployment()).shadows.length === 0)
      assert.equal((await client().predict('delay', [ROW])).version, '2')
    })
  })
}

/** features.json with one numeric input fewer than the model has. */
function shorter(): string {
  const spec = JSON.parse(readFileSync(join(FIXTURES, 'one', 'features.json'), 'utf8')) as { numeric: unknown[] }
  return JSON.stringify({ ...spec, numeric: spec.numeric.slice(1) })
}
