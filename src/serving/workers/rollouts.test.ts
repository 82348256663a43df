import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createTransport } from '../../../sdk/http.ts'
import { servingClient } from '../../../sdk/serving.ts'
import { type ServingProcess, startReadyProcess } from '../testing-process.ts'
import { FIXTURES, ROW, type Registry, startRegistry, until, wholeJournal } from '../testing.ts'

const BY = { actor: 'ada', reason: 'release' }
const QUOTA = 60
const WORKERS = 2

/** All stories of rollouts are told with workers, too, in conformance/serving; here is what is about several processes. */
describe('workers together', () => {
  let folder: string
  let registry: Registry
  let serving: ServingProcess
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'workers-'))
    registry = await startRegistry(join(folder, 'registry'))
    registry.add('1', join(FIXTURES, 'one'))
    registry.add('2', join(FIXTURES, 'two'))
    registry.add('4', join(FIXTURES, 'plain'))
    registry.move('champion', '1')
    registry.move('challenger', '2')
    const yaml = `deployments: [{model: delay, rollout: {steps: [{weight: 50}]}, limits: {quota: {requests: ${QUOTA}, per: 1h, caller: X-Caller}}}]`
    serving = await startReadyProcess(join(folder, 'project'), { tracking: registry.url, gateway: registry.url, workers: WORKERS, yaml })
    await until(async () => /alias="challenger"/.test(await (await fetch(`${serving.url}/metrics`)).text()))
  })
  after(async () => {
    serving.child.kill('SIGKILL')
    await registry.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const client = () => servingClient(createTransport(serving.url))
  let callers = 0
  /** On a connection of its own, so that workers get them in turn. Resolves with the version that answered, or the status where none did. */
  async function ask(id: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const response = await fetch(`${serving.url}/invocations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close', 'x-request-id': id, 'x-caller': `caller-${callers++}`, ...headers },
      body: JSON.stringify({ dataframe_records: [ROW] }),
    })
    await response.arrayBuffer()
    return response.ok ? `${response.headers.get('x-millrace-model-version')}` : `${response.status}`
  }
  const askMany = (prefix: string, count: number, headers: Readonly<Record<string, string>> = {}) => Promise.all(Array.from({ length: count }, (_, i) => ask(`${prefix}-${i}`, headers)))
  const share = (answers: readonly string[], version: string) => answers.filter((answer) => answer === version).length
  const state = async () => {
    const found = await client().rollout('delay')
    assert.ok(found)
    return found
  }

  test('divide requests alike, and what they count is judged as of one', async () => {
    await client().moveRollout('delay', 'start', BY)
    const answers = await askMany('first', 100)
    assert.deepEqual(await askMany('first', 100), answers, 'a key goes to the same version, whichever worker it meets')
    const exposed = { champion: 2 * share(answers, '1'), candidate: 2 * share(answers, '2') }
    assert.equal(exposed.champion + exposed.candidate, 200)
    assert.deepEqual((await state()).exposed, exposed)
    await until(async () => (await state()).arms.candidate.requests === exposed.candidate && (await state()).arms.champion.requests === exposed.champion)
    const records = (await wholeJournal(serving.url)).filter(({ id }) => id.startsWith('first'))
    assert.equal(records.length, 200)
    for (const { version, exposure } of records) assert.deepEqual([exposure?.arm, exposure?.by], [version === '2' ? 'candidate' : 'champion', 'weight'])
  })

  test('have all left a candidate when the abort is answered', async () => {
    const before = await askMany('before', 40)
    assert.ok(share(before, '2') > 0)
    const under = { load: true }
    const asking = Array.from({ length: 4 }, async (_, i) => {
      while (under.load) await ask(`load-${i}`)
    })
    await client().moveRollout('delay', 'abort', BY)
    const later = await askMany('later', 60)
    under.load = false
    await Promise.all(asking)
    assert.equal(share(later, '1'), 60)
  })

  test('bring one that is killed back into the same rollout', async () => {
    await client().moveRollout('delay', 'start', BY)
    const before = await askMany('key', 60)
    const [victim = 0] = serving.workers
    process.kill(victim, 'SIGKILL')
    await until(() => serving.workers.length === WORKERS + 1)
    assert.deepEqual(await askMany('key', 60), before)
    assert.deepEqual((await state()).exposed, { champion: 2 * share(before, '1'), candidate: 2 * share(before, '2') })
    await client().moveRollout('delay', 'abort', BY)
  })

  test('take a candidate back that fails at any of them', async () => {
    await client().moveRollout('delay', 'start', { ...BY, version: '4' })
    const answers = await askMany('failing', 60)
    assert.ok(answers.length - share(answers, '1') > 0)
    await until(async () => (await state()).phase === 'rolled_back')
    assert.equal(share(await askMany('after', 40), '1'), 40)
  })

  test('give a caller one quota, to the request', async () => {
    const answers = await askMany('quota', 2 * QUOTA, { 'x-caller': 'eve' })
    assert.deepEqual([share(answers, '1'), share(answers, '429')], [QUOTA, QUOTA])
    assert.equal(await ask('other', { 'x-caller': 'adam' }), '1')
  })
})
