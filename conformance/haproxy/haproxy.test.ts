import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createTransport } from '../../sdk/http.ts'
import { servingClient } from '../../sdk/serving.ts'
import { haproxyConfig } from '../../src/cli/haproxy-config.ts'
import { type ServingProcess, startServingProcess } from '../../src/serving/testing-process.ts'
import { FIXTURES, ROW, type Registry, ready, startRegistry, testConfig, until } from '../../src/serving/testing.ts'
import { freePort } from '../../src/platform/http/testing.ts'

const CONNECTIONS = 16
const BODY = JSON.stringify({ dataframe_records: [ROW] })

let folder: string
let registry: Registry
let haproxy: ChildProcess
let url: string
const instances = new Map<string, ServingProcess>()

/** Of the same port when it is started again, as a machine would have it. */
async function start(name: string, port: number): Promise<void> {
  const serving = await startServingProcess(join(folder, name), { tracking: registry.url, gateway: registry.url, yaml: 'deployments: [{model: delay, limits: {quota: {requests: 1000000, per: 1m, caller: x-forwarded-for}}}]' }, { port })
  instances.set(name, serving)
  await ready(serving.url)
}

function instance(name: string): ServingProcess {
  const found = instances.get(name)
  assert.ok(found)
  return found
}

function post(agent: Agent, id: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(BODY), 'x-request-id': id }
    const sent = request(`${url}/invocations`, { method: 'POST', agent, headers }, (answer) => {
      answer.resume()
      answer.on('error', reject)
      answer.on('end', () => resolve(answer.statusCode ?? 0))
    })
    sent.on('error', reject)
    sent.end(BODY)
  })
}

/** Sends requests at several connections for as long as `meanwhile` takes. */
async function underLoad(prefix: string, meanwhile: () => Promise<void>): Promise<{ readonly answered: readonly string[]; readonly failed: readonly string[] }> {
  const answered: string[] = []
  const failed: string[] = []
  let next = 0
  const state = { over: false }
  const agents = Array.from({ length: CONNECTIONS }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
  const drive = async (agent: Agent): Promise<void> => {
    while (!state.over) {
      const id = `${prefix}-${next++}`
      const outcome = await post(agent, id).catch((error: unknown) => String(error))
      if (outcome === 200) answered.push(id)
      else failed.push(`${id}: ${outcome}`)
    }
  }
  const done = Promise.all(agents.map(drive))
  await meanwhile()
  state.over = true
  await done
  for (const agent of agents) agent.destroy()
  return { answered, failed }
}

async function journaled(name: string): Promise<ReadonlySet<string>> {
  const ids = new Set<string>()
  for (let offset = 0; ; ) {
    const page = await servingClient(createTransport(instance(name).url)).readJournal(offset, { limitBytes: 4_000_000 })
    if (page.records.length === 0) return ids
    for (const { id } of page.records) ids.add(id)
    offset = page.offset
  }
}

const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

describe('two instances behind HAProxy', () => {
  let portA: number
  let portB: number

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'haproxy-'))
    registry = await startRegistry(join(folder, 'registry'))
    registry.add('1', join(FIXTURES, 'one'))
    registry.move('champion', '1')
    portA = await freePort()
    portB = await freePort()
    const port = await freePort()
    await Promise.all([start('a', portA), start('b', portB)])
    const config = testConfig({})
    const { serving } = config.services
    const text = haproxyConfig({ ...config, services: { ...config.services, serving: { ...serving, instances: [portA, portB].map((one) => `http://127.0.0.1:${one}`) } } }, `127.0.0.1:${port}`)
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(file, text)
    const checked = spawnSync('haproxy', ['-c', '-f', file], { encoding: 'utf8' })
    assert.equal(checked.status, 0, checked.stderr)
    assert.doesNotMatch(checked.stderr + checked.stdout, /WARNING/)
    haproxy = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'inherit'] })
    url = `http://127.0.0.1:${port}`
    await until(() => fetch(`${url}/v2/health/ready`).then(({ status }) => status === 200, () => false))
  })
  after(async () => {
    haproxy.kill('SIGKILL')
    for (const { child } of instances.values()) child.kill('SIGKILL')
    await registry.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('share the load', async () => {
    const { answered, failed } = await underLoad('shared', () => pause(500))
    assert.deepEqual(failed, [])
    for (const name of ['a', 'b']) {
      const ids = await journaled(name)
      assert.ok(answered.filter((id) => ids.has(id)).length > answered.length / 4, name)
    }
  })

  test('one killed with -9 under load: what it had not answered is answered by the other, under the same id; then it comes back', async () => {
    const { answered, failed } = await underLoad('killed', async () => {
      await pause(500)
      instance('a').child.kill('SIGKILL')
      await pause(1500)
      await start('a', portA)
      await pause(2500)
    })
    assert.deepEqual(failed, [])
    const [inA, inB] = await Promise.all([journaled('a'), journaled('b')])
    for (const id of answered) assert.ok(inA.has(id) || inB.has(id), id)
    // Written by the one that was killed, and answered by the other.
    const twice = answered.filter((id) => inA.has(id) && inB.has(id))
    assert.ok(twice.length <= CONNECTIONS, `${twice.length} requests are in both journals`)
    assert.ok(answered.slice(-200).some((id) => inA.has(id)), 'the instance that came back answers again')
  })

  test('one stopped with SIGTERM under load: no request fails', async () => {
    const { answered, failed } = await underLoad('stopped', async () => {
      await pause(300)
      const { child } = instance('b')
      child.kill('SIGTERM')
      await once(child, 'exit')
      await pause(500)
      await start('b', portB)
      await pause(500)
    })
    assert.deepEqual(failed, [])
    assert.ok(answered.length > 0)
  })

  test('a caller is the address that HAProxy sees, whatever it says of itself', async () => {
    for (let i = 0; i < 10; i++) {
      const answer = await fetch(`${url}/invocations`, { method: 'POST', body: BODY, headers: { 'content-type': 'application/json', 'x-forwarded-for': `10.0.0.${i}` } })
      assert.equal(answer.status, 200)
    }
    const counted = [...instances.values()].map(async ({ url: one }) => Number(/^quota_callers\{model="delay"[^}]*\} (\d+)$/m.exec(await (await fetch(`${one}/metrics`)).text())?.[1]))
    assert.equal(Math.max(...(await Promise.all(counted))), 1)
  })

  test('what is about one instance is not asked of any', async () => {
    for (const path of ['/journal', '/deployments', '/metrics', '/-/watermark', '/v2/repository/index']) assert.equal((await fetch(url + path)).status, 404, path)
    assert.equal((await fetch(`${url}/v2/repository/models/delay/load`, { method: 'POST' })).status, 404)
    for (const path of ['/v2', '/v2/models/delay', '/v1/models', '/docs/json']) assert.equal((await fetch(url + path)).status, 200, path)
  })
})
