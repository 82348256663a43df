import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { ApiError, createTransport } from '../../sdk/http.ts'
import { monitorClient } from '../../sdk/monitor.ts'
import { servingClient } from '../../sdk/serving.ts'
import { trackingClient } from '../../sdk/tracking.ts'
import { pipelinesService } from '../../src/data/pipeline/executions/index.ts'
import { featuresService } from '../../src/data/features/index.ts'
import { type ProjectConfig, projectConfigSchema } from '../../src/domain/config.ts'
import { gatewayService } from '../../src/gateway/index.ts'
import { monitorService } from '../../src/monitoring/index.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { MillraceError } from '../../src/platform/errors/index.ts'
import { type RunningService, runService } from '../../src/platform/service/index.ts'
import { servingService } from '../../src/serving/index.ts'
import { FIXTURES, ROW, type Registry, ready, startRegistry } from '../../src/serving/testing.ts'
import { trackingService } from '../../src/training/index.ts'
import { type PostgresServer, startPostgres } from '../lib/postgres.ts'

const PASSWORD = 'not-to-be-told'

let server: PostgresServer
let folder: string
let registry: Registry
let log = ''
let config: ProjectConfig
const urls = new Map<string, string>()
const running: RunningService[] = []

before(async () => {
  server = await startPostgres()
  folder = mkdtempSync(join(tmpdir(), 'millrace-outage-'))
  const database = new URL(server.url)
  database.password = PASSWORD
  registry = await startRegistry(join(folder, 'registry'))
  registry.add('1', join(FIXTURES, 'one'))
  registry.move('champion', '1')
  const nobody = '{url: "http://127.0.0.1:9"}'
  const models = `{url: '${registry.url}'}`
  const yaml = `project: outage
storage: {database: "${database.href}"}
services: {tracking: ${models}, features: ${nobody}, serving: ${nobody}, monitor: ${nobody}, pipelines: ${nobody}, gateway: ${models}}
deployments: [{model: delay}]
monitors: [{model: delay}]
`
  config = parseConfig(projectConfigSchema, yaml, 'millrace.yaml', {})
  const lines = new PassThrough()
  lines.on('data', (part: Buffer) => (log += part.toString()))
  const options = { projectFolder: folder, port: 0, log: pino({ level: 'trace' }, lines) }
  running.push(await runService(trackingService, config, options))
  running.push(await runService(featuresService, config, options))
  running.push(await runService(servingService, config, options))
  running.push(await runService(monitorService, config, options))
  running.push(await runService(gatewayService, config, options))
  running.push(await runService(pipelinesService, config, options))
  for (const { name, port } of running) urls.set(name, `http://127.0.0.1:${port}`)
  await ready(at('serving'))
})
after(async () => {
  for (const service of running) await service.stop()
  await registry.close()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const at = (name: string): string => urls.get(name) ?? ''

test('while PostgreSQL is down every service says so, by its address and without a password, and predictions go on; when it is back, all do, without a restart', async (t) => {
  const tracking = trackingClient(createTransport(at('tracking')))
  const monitor = monitorClient(createTransport(at('monitor')))
  const serving = servingClient(createTransport(at('serving')))
  const { info } = await tracking.createRun('0')
  await tracking.logMetrics(info.run_id, [{ key: 'before', value: 1, step: 0 }])
  await monitor.sendLabels([{ request_id: 'before', label: 1 }])

  await server.halt()
  const { host } = new URL(server.url)
  const says = new RegExp(`^PostgreSQL at ${host}, database millrace, does not answer: `)
  // At first of connections that broke, then of new ones that are refused.
  for (const round of ['at-once', 'later']) {
    for (const { name } of running) {
      await t.test(`${name}, asked ${round}`, async () => {
        const response = await fetch(`${at(name)}/-/outbox`)
        const problem = (await response.json()) as { readonly code: string; readonly detail: string }
        assert.deepEqual([response.status, problem.code], [503, 'DATABASE_UNAVAILABLE'], problem.detail)
        assert.match(problem.detail, says)
      })
    }
    const refused = (error: unknown): boolean => {
      assert.ok(error instanceof ApiError)
      assert.deepEqual([error.status, error.code], [503, 'DATABASE_UNAVAILABLE'])
      assert.match(error.message, says)
      return true
    }
    await assert.rejects(tracking.createRun('0'), refused)
    await assert.rejects(monitor.sendLabels([{ request_id: 'meanwhile', label: 1 }]), refused)
    assert.equal((await serving.predict('delay', [ROW], { requestId: round })).version, '1')
  }

  await server.resume()
  for (const { name } of running) assert.equal((await fetch(`${at(name)}/-/outbox`)).status, 200, name)
  await tracking.logMetrics(info.run_id, [{ key: 'after', value: 2, step: 0 }])
  assert.deepEqual((await tracking.getRun(info.run_id)).data.metrics.map(({ key, value }) => [key, value]).sort(), [['after', 2], ['before', 1]])
  assert.equal((await monitor.sendLabels([{ request_id: 'before', label: 1 }, { request_id: 'after', label: 0 }])).duplicates, 1)
  assert.equal((await monitor.pendingLabels()).count, 2)
  assert.deepEqual((await serving.readJournal(0)).records.map(({ id }) => id), ['at-once', 'later'])
})

test('a server that is stopped again and again under load loses no write that was acknowledged', async () => {
  const tracking = trackingClient(createTransport(at('tracking'), { retryForMs: 30_000 }))
  const { info } = await tracking.createRun('0')
  let step = 0
  const end = new AbortController()
  const written: number[] = []
  const writers = Array.from({ length: 4 }, async () => {
    while (!end.signal.aborted) {
      const mine = step++
      await tracking.logMetrics(info.run_id, [{ key: 'm', value: mine, step: mine }])
      written.push(mine)
    }
  })
  for (let i = 0; i < 3; i++) {
    await sleep(300)
    await server.halt()
    await sleep(200)
    await server.resume()
  }
  await sleep(300)
  end.abort()
  await Promise.all(writers)
  const kept = (await tracking.metricHistory(info.run_id, 'm')).map((point) => point.step)
  assert.deepEqual(kept.toSorted((a, b) => a - b), written.toSorted((a, b) => a - b))
})

test('a service that is started while PostgreSQL is down ends, and says why', async () => {
  await server.halt()
  await assert.rejects(runService(trackingService, config, { projectFolder: folder, port: 0, log: pino({ level: 'silent' }) }), (error: unknown) => {
    assert.ok(error instanceof MillraceError)
    assert.deepEqual([error.code, error.exitCode], ['DATABASE_UNAVAILABLE', 69])
    assert.match(error.message, /^PostgreSQL at 127\.0\.0\.1:\d+, database millrace, does not answer: connect ECONNREFUSED/)
    assert.equal(error.message.includes(PASSWORD), false)
    return true
  })
  await server.resume()
})

test('no log line holds the password, and they name the database', () => {
  assert.ok(log.includes('does not answer'))
  assert.equal(log.includes(PASSWORD), false)
})
