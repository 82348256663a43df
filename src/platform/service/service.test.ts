import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pino } from 'pino'
import Type from 'typebox'
import { baseConfigSchema, type BaseConfig, parseConfig } from '../config/index.ts'
import { MillraceError } from '../errors/index.ts'
import { type EventsSchema, createEventsTables } from '../events/outbox.ts'
import { type ServiceDefinition, runService } from './index.ts'
import { type TestService, startForTest } from './testing.ts'

const simulated = parseConfig(baseConfigSchema, "project: test\nclock: {simulated: '2013-04-01T00:00:00Z'}\nhttp: {body_limit: 1024}\n", 'millrace.yaml')
const wall = parseConfig(baseConfigSchema, 'project: test\n', 'millrace.yaml')

const definition: ServiceDefinition<EventsSchema, BaseConfig> = {
  name: 'tracking',
  migrations: [{ name: '001-events', up: createEventsTables }],
  start: ({ http, db, outbox }) => {
    http.post('/models', { schema: { body: Type.Object({ name: Type.String({ minLength: 1 }) }) } }, async (request) => {
      const { name } = request.body
      await db.transaction(async (trx) => {
        await outbox.emit(trx, 'dev.millrace.model.created', name, { model: name })
        if (name === 'fails') throw new MillraceError('CONFLICT', `${name} exists`)
      })
      return { name }
    })
    http.get('/boom', () => {
      throw new Error('a secret in the message')
    })
    return Promise.resolve({ waitingFor: () => Promise.resolve(['a report']) })
  },
}

let service: TestService | undefined
after(() => service?.stop())
async function running(): Promise<TestService> {
  service ??= await startForTest(definition, simulated)
  return service
}

interface Scenario {
  readonly what: string
  readonly method?: string
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
  readonly expect: RegExp
  readonly forbid?: RegExp
}
const json = { 'content-type': 'application/json' }
const scenarios: readonly Scenario[] = [
  { what: 'is healthy', path: '/health', status: 200, expect: /"status":"ok"/ },
  { what: 'shows metrics in the text format of Prometheus', path: '/metrics', status: 200, expect: /^process_cpu_user_seconds_total\{service="tracking"\} /m },
  { what: 'documents its routes', path: '/docs/json', status: 200, expect: /"\/models"/ },
  { what: 'says what it waits for', path: '/-/watermark', status: 200, expect: /"caught_up":false,"waiting_for":\["a report"\]/ },
  { what: 'answers a missing route with a problem', path: '/nothing', status: 404, expect: /"code":"NOT_FOUND"/ },
  { what: 'says what is wrong with a body', method: 'POST', path: '/models', body: { nam: 1 }, status: 400, expect: /"code":"BAD_REQUEST".*name/ },
  { what: 'refuses a body over the limit', method: 'POST', path: '/models', body: { name: 'x'.repeat(2000) }, status: 413, expect: /"code":"BODY_TOO_LARGE"/ },
  { what: 'refuses what is not JSON', method: 'POST', path: '/models', headers: { 'content-type': 'text/x-odd' }, body: 'x', status: 415, expect: /UNSUPPORTED_MEDIA_TYPE/ },
  { what: 'keeps unexpected errors out of the answer', path: '/boom', status: 500, expect: /"code":"INTERNAL"/, forbid: /secret/ },
  { what: 'refuses a page of another site', path: '/health', headers: { origin: 'https://evil.example' }, status: 403, expect: /HOST_NOT_ALLOWED/ },
  { what: 'moves project time', method: 'PUT', path: '/-/clock', body: { now: '2013-04-02T00:00:00Z' }, status: 200, expect: /2013-04-02T00:00:00.000Z/ },
  { what: 'does not move it back', method: 'PUT', path: '/-/clock', body: { now: '2013-04-01T12:00:00Z' }, status: 409, expect: /CLOCK_BACKWARDS/ },
  { what: 'refuses a time that is none', method: 'PUT', path: '/-/clock', body: { now: 'soon' }, status: 400, expect: /BAD_REQUEST/ },
]
for (const { what, method = 'GET', path, body, headers, status, expect, forbid } of scenarios) {
  test(`a service ${what}`, async () => {
    const { url } = await running()
    const response = await fetch(url + path, { method, headers: { ...(body === undefined ? {} : json), ...headers }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    const text = await response.text()
    assert.equal(response.status, status, text)
    assert.match(text, expect)
    if (forbid) assert.doesNotMatch(text, forbid)
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    assert.ok(response.headers.get('x-request-id'))
  })
}

test('a request id is kept if it is fit for a log, and made if not', async () => {
  const { url } = await running()
  const id = async (header: string) => (await fetch(`${url}/health`, { headers: { 'x-request-id': header } })).headers.get('x-request-id')
  assert.equal(await id('flight:2013-04-01/UA.1545'), 'flight:2013-04-01/UA.1545')
  assert.match((await id('a b')) ?? '', /^[0-9a-f]{32}$/)
})

test('an event is in the outbox if and only if its change was committed, also after a restart', async () => {
  const projectFolder = mkdtempSync(join(tmpdir(), 'millrace-service-'))
  const post = (url: string, name: string) => fetch(`${url}/models`, { method: 'POST', headers: json, body: JSON.stringify({ name }) })
  const first = await startForTest(definition, wall, { projectFolder })
  assert.equal((await post(first.url, 'good')).status, 200)
  assert.equal((await post(first.url, 'fails')).status, 409)
  await first.stop()
  const second = await startForTest(definition, wall, { projectFolder })
  const waiting = fetch(`${second.url}/-/outbox?after=1&wait=5`)
  await post(second.url, 'later')
  const all: { events: { subject: string; seq: number }[] } = JSON.parse(await (await fetch(`${second.url}/-/outbox`)).text())
  assert.deepEqual(all.events.map(({ subject, seq }) => [seq, subject]), [[1, 'good'], [2, 'later']])
  assert.match(await (await waiting).text(), /"subject":"later"/)
  assert.equal((await fetch(`${second.url}/-/clock`, { method: 'PUT', headers: json, body: '{"now":"2030-01-01T00:00:00Z"}' })).status, 409)
  await second.stop()
  rmSync(projectFolder, { recursive: true })
})

test('a port that is taken is said so, by whom, and how to choose another', async () => {
  const blocker = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => blocker.once('listening', resolve))
  const address = blocker.address()
  assert.ok(typeof address === 'object' && address !== null)
  const projectFolder = mkdtempSync(join(tmpdir(), 'millrace-service-'))
  await assert.rejects(runService(definition, wall, { projectFolder, port: address.port, log: pino({ level: 'silent' }) }), (error: MillraceError) => {
    assert.equal(error.code, 'PORT_TAKEN')
    assert.match(error.message, new RegExp(`port ${address.port} for tracking is taken.*MILLRACE_TRACKING_PORT`))
    if (process.platform === 'linux') assert.match(error.message, new RegExp(`pid ${process.pid}`))
    return true
  })
  blocker.close()
  rmSync(projectFolder, { recursive: true })
})

test('what a service has started is stopped, last first, where a later step of its start fails or its port is taken', async () => {
  const blocker = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => blocker.once('listening', resolve))
  const address = blocker.address()
  assert.ok(typeof address === 'object' && address !== null)
  const projectFolder = mkdtempSync(join(tmpdir(), 'millrace-service-'))
  for (const broken of [true, false]) {
    const stopped: string[] = []
    const started: ServiceDefinition<EventsSchema, BaseConfig> = {
      ...definition,
      start: ({ onStop, db }) => {
        onStop(async () => {
          // The kit's own are still open.
          await db.kysely.selectFrom('outbox').selectAll().execute()
          stopped.push('first')
        })
        onStop(() => {
          stopped.push('second')
          throw new Error('it cannot be closed')
        })
        if (broken) throw new MillraceError('CONFIG_INVALID', 'the third cannot start')
        return Promise.resolve({ waitingFor: () => Promise.resolve([]) })
      },
    }
    await assert.rejects(runService(started, wall, { projectFolder, port: address.port, log: pino({ level: 'silent' }) }), { code: broken ? 'CONFIG_INVALID' : 'PORT_TAKEN' })
    assert.deepEqual(stopped, ['second', 'first'])
  }
  blocker.close()
  rmSync(projectFolder, { recursive: true })
})

test('a service that owns its folder is refused there while another has it, whatever its database is, and has it to itself after that', async () => {
  const projectFolder = mkdtempSync(join(tmpdir(), 'millrace-service-'))
  const owner = { ...definition, ownsFolder: true }
  const options = { projectFolder, port: 0, log: pino({ level: 'silent' }) }
  const first = await runService(owner, wall, options)
  const refused = { code: 'FOLDER_IN_USE', message: /tracking: another process of tracking has it open/ }
  await assert.rejects(runService(owner, wall, options), refused)
  await assert.rejects(runService(owner, wall, { ...options, database: 'postgresql://127.0.0.1:9/nobody' }), refused)
  await first.stop()
  await (await runService(owner, wall, options)).stop()
  rmSync(projectFolder, { recursive: true })
})

test('a folder that cannot be made is named', async () => {
  const projectFolder = mkdtempSync(join(tmpdir(), 'millrace-service-'))
  mkdirSync(join(projectFolder, 'x'))
  writeFileSync(join(projectFolder, '.millrace'), 'a file where the folder should be')
  await assert.rejects(runService(definition, wall, { projectFolder, port: 0, log: pino({ level: 'silent' }) }), /\.millrace/)
  rmSync(projectFolder, { recursive: true })
})
