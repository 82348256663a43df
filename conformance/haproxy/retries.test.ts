import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type RequestListener, type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { haproxyConfig } from '../../src/cli/haproxy-config.ts'
import { freePort } from '../../src/platform/http/testing.ts'
import { testConfig, until } from '../../src/serving/testing.ts'

interface Attempt {
  readonly instance: number
  readonly path: string
  readonly id: string
  readonly body: string
}

/** What an instance says: a status, or nothing but the end of the connection. */
type Says = (attempt: Attempt) => number | 'nothing'

const INSTANCES = 3

/** What the generated configuration does with answers that a real serving gives only in trouble: these instances are healthy, and say what each test has them say. */
describe('three instances behind HAProxy', () => {
  let folder: string
  let haproxy: ChildProcess
  let url: string
  const servers: Server[] = []
  const attempts: Attempt[] = []
  let says: Says = () => 200

  const instance = (number: number): RequestListener => (request, response) => {
    if (request.url === '/v2/health/ready') return void response.end()
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const attempt = { instance: number, path: request.url ?? '', id: String(request.headers['x-request-id']), body }
      attempts.push(attempt)
      const said = says(attempt)
      if (said === 'nothing') request.socket.destroy()
      else response.writeHead(said, { 'content-type': 'application/json', 'x-instance': String(number) }).end('{}')
    })
  }

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'haproxy-retries-'))
    for (let i = 0; i < INSTANCES; i++) {
      const server = createServer(instance(i))
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      servers.push(server)
    }
    const port = await freePort()
    const config = testConfig({})
    const instances = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(file, haproxyConfig({ ...config, services: { ...config.services, serving: { ...config.services.serving, instances } } }, `127.0.0.1:${port}`))
    const checked = spawnSync('haproxy', ['-c', '-f', file], { encoding: 'utf8' })
    assert.equal(checked.status, 0, checked.stderr)
    assert.doesNotMatch(checked.stderr + checked.stdout, /WARNING/)
    haproxy = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'inherit'] })
    url = `http://127.0.0.1:${port}`
    await until(() => fetch(`${url}/v2/health/live`).then(({ status }) => status === 200, () => false))
  })
  after(() => {
    haproxy.kill('SIGKILL')
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
    rmSync(folder, { recursive: true, force: true })
  })
  beforeEach(() => {
    attempts.length = 0
    says = () => 200
  })

  const predict = async (model: string, body = '{"inputs":[]}') => (await fetch(`${url}/v2/models/${model}/infer`, { method: 'POST', body })).status
  const first = new Set<string>()
  /** The first instance that is asked something says it, the others answer. */
  const onceIs = (said: number | 'nothing'): Says => ({ path }) => {
    if (first.has(path)) return 200
    first.add(path)
    return said
  }

  for (const [name, said] of [['503', 503], ['the end of the connection', 'nothing']] as const) {
    test(`${name} is heard by nobody: another instance is asked the same, under the same id`, async () => {
      says = onceIs(said)
      assert.equal(await predict(`once-${said}`, '{"inputs":[1]}'), 200)
      const [refused, answered, ...others] = attempts
      assert.ok(refused && answered)
      assert.deepEqual(others, [])
      assert.notEqual(answered.instance, refused.instance)
      assert.match(answered.id, /^[\da-f-]{36}$/)
      assert.deepEqual({ ...answered, instance: 0 }, { ...refused, instance: 0 })
    })
  }

  test('503 of all of them is the answer, each asked once; for a moment after that one of them is asked once, and then again all', async () => {
    says = () => 503
    assert.equal(await predict('full'), 503)
    assert.deepEqual(attempts.map((attempt) => attempt.instance).sort(), [0, 1, 2])
    attempts.length = 0
    // Well within the second.
    const statuses = await Promise.all(Array.from({ length: 20 }, () => predict('full')))
    assert.deepEqual([new Set(statuses), attempts.length], [new Set([503]), 20])
    // Of another model nothing is known.
    attempts.length = 0
    says = onceIs(503)
    assert.equal(await predict('other'), 200)
    assert.equal(attempts.length, 2)
    attempts.length = 0
    says = () => 503
    // Each answer of all begins the second anew, so that asking again must leave it time to pass.
    await until(async () => {
      await new Promise((resolve) => setTimeout(resolve, 2500))
      attempts.length = 0
      await predict('full')
      return attempts.length === INSTANCES
    })
  })

  test('any other status is the answer', async () => {
    for (const status of [500, 504, 507, 429]) {
      attempts.length = 0
      says = () => status
      assert.equal(await predict(`status-${status}`), status)
      assert.equal(attempts.length, 1)
    }
  })
})
