import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { beforeEach, describe, test } from 'node:test'
import { type ServingProcess, startReadyProcess } from '../testing-process.ts'
import { setUpStories } from '../testing-stories.ts'
import { ROW, rowsById, until } from '../testing.ts'

const BODY = JSON.stringify({ dataframe_records: [ROW, ROW] })
const CONNECTIONS = 8

let serving: ServingProcess
let workers = 2
const story = setUpStories(
  { start: async (folder, options) => (serving = await startReadyProcess(folder, { ...options, workers })) },
  { versions: { 1: 'one', 2: 'two' }, aliases: { champion: '1' } },
)
const start = () => story.start('deployments: [{model: delay}]')
beforeEach(() => {
  workers = 2
  return start()
})

interface Load {
  /** Version that answered, by request id. */
  readonly answered: Map<string, string>
  readonly refused: number[]
  broken: number
  stop: boolean
}

/** Sends requests at several connections, or each at one of its own; one that breaks is made anew, until `stop`, or until nobody listens. Nobody loses patience. */
function load({ keepAlive = true } = {}): Load & { readonly done: Promise<unknown> } {
  const state: Load = { answered: new Map(), refused: [], broken: 0, stop: false }
  let next = 0
  const drive = async (agent: Agent): Promise<void> => {
    while (!state.stop) {
      const id = `request-${next++}`
      try {
        const { status, version } = await post(agent, id)
        if (status === 200) state.answered.set(id, version)
        else state.refused.push(status)
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED') return
        state.broken++
      }
    }
  }
  const agents = Array.from({ length: CONNECTIONS }, () => new Agent({ keepAlive, maxSockets: 1 }))
  const done = Promise.all(agents.map(drive)).finally(() => agents.forEach((agent) => agent.destroy()))
  return Object.assign(state, { done })
}

function post(agent: Agent, id: string): Promise<{ readonly status: number; readonly version: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(`${story.url}/invocations`, { method: 'POST', agent, headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(BODY), 'x-request-id': id } }, (answer) => {
      answer.resume()
      answer.on('error', reject)
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, version: String(answer.headers['x-millrace-model-version']) }))
    })
    sent.on('error', reject)
    sent.end(BODY)
  })
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

const journaled = async () => rowsById(await story.journal())

async function counted(name: string): Promise<number> {
  const text = await story.metrics()
  return [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0)
}

describe('two workers', () => {
  test('answer at one port, are counted as one, and hand on what is not theirs', async () => {
    const loading = load()
    await pause(200)
    loading.stop = true
    await loading.done
    assert.deepEqual([loading.broken, loading.refused], [0, []])
    assert.equal(await counted('model_infer_request_success_total'), loading.answered.size)
    assert.equal(await counted('model_infer_rows_total'), 2 * loading.answered.size)
    assert.equal(await counted('serving_workers'), 2)
    const [deployment] = await story.client().deployments()
    assert.equal(deployment?.predictions, 2 * loading.answered.size)
    const unknown = await fetch(`${story.url}/v2/models/other/infer`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
    assert.equal(unknown.status, 404)
    assert.match(await unknown.text(), /no model other is deployed/)
    assert.equal((await fetch(`${story.url}/v2/repository/index`, { method: 'POST' })).status, 200)
    assert.equal((await fetch(`${story.url}/docs/json`)).status, 200)
    const bad = await fetch(`${story.url}/invocations`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"dataframe_records": [{}]}' })
    assert.equal(bad.status, 400)
  })

  test('one killed with -9 under load takes nothing with it but its own requests, and comes back', async () => {
    const loading = load()
    await pause(200)
    const [victim = 0] = serving.workers
    process.kill(victim, 'SIGKILL')
    await until(() => serving.workers.length === 3)
    await pause(100)
    loading.stop = true
    await loading.done
    // Each connection breaks once at most: those of the other worker do not.
    assert.ok(loading.broken > 0 && loading.broken < CONNECTIONS, `${loading.broken} broke`)
    assert.deepEqual(loading.refused, [])
    const rows = await journaled()
    for (const id of loading.answered.keys()) assert.equal(rows.get(id), 2, id)
    await until(async () => (await counted('serving_workers')) === 2)
  })

  test('killed again and again, both of them, leave no client without an answer or an end', async () => {
    const loading = load({ keepAlive: false })
    for (let kills = 0; kills < 2; kills++) {
      await pause(50 * kills)
      const started = serving.workers.length
      for (const worker of serving.workers.slice(-2)) process.kill(worker, 'SIGKILL')
      await until(() => serving.workers.length === started + 2)
    }
    const before = loading.answered.size
    await until(() => loading.answered.size > before + CONNECTIONS)
    loading.stop = true
    await loading.done
    assert.deepEqual(loading.refused, [])
    // Those that a worker had begun to read.
    assert.ok(loading.broken <= 2 * CONNECTIONS, `${loading.broken} broke`)
  })

  test('one that is told to stop cuts nobody off, and another takes its place', async () => {
    const loading = load()
    await pause(200)
    process.kill(serving.workers[0] ?? 0, 'SIGTERM')
    await until(() => serving.workers.length === 3)
    loading.stop = true
    await loading.done
    assert.deepEqual([loading.broken, loading.refused], [0, []])
  })

  test('a swap is done when no worker answers by the old version', async () => {
    const loading = load()
    await pause(100)
    story.registry.move('champion', '2')
    await until(async () => (await story.client().deployments())[0]?.version === '2')
    const before = new Set(loading.answered.keys())
    await pause(100)
    loading.stop = true
    await loading.done
    assert.deepEqual([loading.broken, loading.refused], [0, []])
    const later = [...loading.answered].filter(([id]) => !before.has(id)).slice(CONNECTIONS)
    assert.ok(later.length > 0)
    assert.deepEqual(new Set(later.map(([, version]) => version)), new Set(['2']))
  })

  test('hold what an alias points at once more each, which counts in the memory that versions may take', async () => {
    await serving.stop()
    await story.start('deployments: [{model: delay, run: loop}]')
    const bytes = async () => Number(/^model_version_bytes\{.*version="2".*\} (\d+)$/m.exec(await story.metrics())?.[1])
    const asked = await fetch(`${story.url}/v1/models/delay/versions/2:predict`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ instances: [ROW] }) })
    assert.equal(asked.status, 200)
    const once = await bytes()
    story.registry.move('champion', '2')
    await until(async () => (await story.client().deployments())[0]?.version === '2')
    assert.equal(await bytes(), 3 * once)
  })

  test('asked to stop under load finish what they accepted', async () => {
    const loading = load()
    await pause(200)
    assert.equal(await serving.stop(), 0)
    await loading.done
    assert.deepEqual(loading.refused.filter((status) => status !== 503), [])
    workers = 1
    await start()
    const rows = await journaled()
    for (const id of loading.answered.keys()) assert.equal(rows.get(id), 2, id)
    assert.equal(rows.size, loading.answered.size, 'nothing was journaled that was not answered')
  })

  test('asked to stop wait for what they handed on, as long as for what is theirs', async () => {
    const asked = join(story.folder, 'asked')
    const armed = join(story.folder, 'armed')
    const python = join(story.folder, 'python')
    // As a Python process is one: longer at one answer than anything else of a stop takes.
    writeFileSync(
      python,
      `#!${process.execPath}
process.stdin.resume().on('end', () => process.exit())
require('node:http').createServer((request, response) => {
  const { existsSync, writeFileSync } = require('node:fs')
  const first = request.method === 'POST' && existsSync(${JSON.stringify(armed)}) && !existsSync(${JSON.stringify(asked)})
  if (first) writeFileSync(${JSON.stringify(asked)}, '')
  setTimeout(() => response.end('{"predictions":[7]}'), first ? 4000 : 0)
}).listen(0, '127.0.0.1', function () {
  require('node:fs').writeSync(3, this.address().port + '\\n')
})
`,
      { mode: 0o755 },
    )
    const files = join(story.folder, 'price')
    mkdirSync(files)
    writeFileSync(join(files, 'MLmodel'), `flavors: {python_function: {loader_module: mine}}\nsignature: {inputs: '[{"name": "x", "type": "double"}]'}\n`)
    story.registry.add('3', files)
    story.registry.move('champion', '3')
    await serving.stop()
    await story.start('deployments: [{model: delay}]', { python })
    await until(async () => (await story.client().deployments())[0]?.version === '3')
    writeFileSync(armed, '')
    const answer = fetch(`${story.url}/invocations`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-request-id': 'slow' }, body: '{"dataframe_records":[{"x":1}]}' })
    await until(() => existsSync(asked))
    assert.equal(await serving.stop(), 0)
    assert.deepEqual(await (await answer).json(), { predictions: [7] })
    await story.start('deployments: [{model: delay}]', { python })
    assert.equal((await journaled()).get('slow'), 1)
  })
})
