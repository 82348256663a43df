import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { freePort } from '../http/testing.ts'
import { type ServiceStatus, type SupervisedService, Supervisor } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-supervisor-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const SERVER = join(folder, 'server.mjs')
writeFileSync(
  SERVER,
  `import { createServer } from 'node:http'
import { appendFileSync } from 'node:fs'
const [name, port] = process.argv.slice(2)
appendFileSync(${JSON.stringify(join(folder, 'starts'))}, name + '\\n')
console.log('hello from ' + name)
createServer((_, response) => response.end(String(process.pid))).listen(Number(port), '127.0.0.1')
`,
)

async function service(name: string, after: readonly string[] = []): Promise<SupervisedService> {
  const port = await freePort()
  return { name, command: [process.execPath, SERVER, name, String(port)], healthUrl: `http://127.0.0.1:${port}/health`, after }
}

const supervise = (services: readonly SupervisedService[]) =>
  new Supervisor(services, { folder, logFolder: join(folder, 'logs'), environment: {}, firstBackoffMs: 10, startTimeoutMs: 10_000 })

test('services start after those they need, and each writes its own log', async () => {
  rmSync(join(folder, 'starts'), { force: true })
  const supervisor = supervise([await service('second', ['first']), await service('first')])
  await supervisor.start()
  assert.equal(readFileSync(join(folder, 'starts'), 'utf8'), 'first\nsecond\n')
  assert.match(readFileSync(join(folder, 'logs', 'first.log'), 'utf8'), /hello from first/)
  await supervisor.stop()
  assert.deepEqual(supervisor.status().map(({ state }) => state), ['stopped', 'stopped'])
})

test('a log that has grown is put aside when the service goes on writing', async () => {
  const options = { folder, logFolder: join(folder, 'logs'), environment: {}, startTimeoutMs: 10_000, logs: { bytes: 10, keep: 1 } }
  const talker = await service('talker')
  for (let start = 0; start < 2; start++) {
    const supervisor = new Supervisor([talker], options)
    await supervisor.start()
    await supervisor.stop()
  }
  for (const name of ['talker.log', 'talker.log.1']) assert.equal(readFileSync(join(folder, 'logs', name), 'utf8'), 'hello from talker\n')
})

test('a service that is killed comes back by itself', async () => {
  const killed = await service('killed')
  const supervisor = supervise([killed])
  await supervisor.start()
  const first = await (await fetch(killed.healthUrl)).text()
  const back = new Promise<void>((resolve) => {
    supervisor.on('status', ({ state, restarts }: ServiceStatus) => {
      if (state === 'healthy' && restarts === 1) resolve()
    })
  })
  process.kill(Number(first), 'SIGKILL')
  await back
  assert.notEqual(await (await fetch(killed.healthUrl)).text(), first)
  await supervisor.stop()
})

test('a service that never answers is given up with what it said, and the others are stopped', async () => {
  const good = await service('good')
  const bad: SupervisedService = {
    name: 'bad',
    command: [process.execPath, '-e', 'console.error("millrace: CONFIG_INVALID: millrace.yaml:3: port: found 0"); process.exit(78)'],
    healthUrl: 'http://127.0.0.1:9/health',
    after: ['good'],
  }
  const supervisor = supervise([good, bad])
  const stops: string[] = []
  supervisor.on('status', ({ name, state }: ServiceStatus) => {
    if (state === 'stopped') stops.push(name)
  })
  await assert.rejects(supervisor.start(), { code: 'SERVICE_FAILED', message: /bad did not start: CONFIG_INVALID: millrace\.yaml:3: port: found 0/ })
  await assert.rejects(fetch(good.healthUrl))
  assert.ok(existsSync(join(folder, 'logs', 'bad.log')))
  await supervisor.stop()
  assert.deepEqual(stops, ['good'])
  assert.deepEqual(supervisor.status().map(({ state }) => state), ['stopped', 'failed'])
})

test('a stranger that answers at a service’s address is not taken for the service', async () => {
  const taken = await service('taken')
  const stranger = createServer((_, response) => response.end('hello'))
  await new Promise<void>((resolve) => stranger.listen(Number(new URL(taken.healthUrl).port), '127.0.0.1', resolve))
  const supervisor = supervise([taken])
  await assert.rejects(supervisor.start(), { code: 'PORT_TAKEN', message: /port \d+ for taken is taken.*something answers at .*MILLRACE_TAKEN_PORT/ })
  await new Promise((resolve) => stranger.close(resolve))
})
