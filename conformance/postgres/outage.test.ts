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
import { trackingClient } from '../../sdk/tracking.ts'
import { featuresService } from '../../src/data/features/index.ts'
import { projectConfigSchema } from '../../src/domain/config.ts'
import { gatewayService } from '../../src/gateway/index.ts'
import { monitorService } from '../../src/monitoring/index.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { type RunningService, runService } from '../../src/platform/service/index.ts'
import { servingService } from '../../src/serving/index.ts'
import { trackingService } from '../../src/training/index.ts'
import { type PostgresServer, startPostgres } from '../lib/postgres.ts'

const PASSWORD = 'not-to-be-told'

let server: PostgresServer
let folder: string
let log = ''
const urls = new Map<string, string>()
const running: RunningService[] = []

before(async () => {
  server = await startPostgres()
  folder = mkdtempSync(join(tmpdir(), 'millrace-outage-'))
  const database = new URL(server.url)
  database.password = PASSWORD
  const nobody = '{url: "http://127.0.0.1:9"}'
  const yaml = `project: outage
storage: {database: "${database.href}"}
services: {tracking: ${nobody}, features: ${nobody}, serving: ${nobody}, monitor: ${nobody}, pipelines: ${nobody}, gateway: ${nobody}}
monitors: [{model: m}]
`
  const config = parseConfig(projectConfigSchema, yaml, 'millrace.yaml', {})
  const lines = new PassThrough()
  lines.on('data', (part: Buffer) => (log += part.toString()))
  const options = { projectFolder: folder, port: 0, log: pino({ level: 'trace' }, lines) }
  running.push(await runService(trackingService, config, options))
  running.push(await runService(featuresService, config, options))
  running.push(await runService(servingService, config, options))
  running.push(await runService(monitorService, config, options))
  running.push(await runService(gatewayService, config, options))
  for (const { name, port } of running) urls.set(name, `http://127.0.0.1:${port}`)
})
after(async () => {
  for (const service of running) await service.stop()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

const at = (name: string): string => urls.get(name) ?? ''

test('while PostgreSQL is down every service says so, by its address and without a password; when it is back, all go on without a restart', async (t) => {
  const tracking = trackingClient(createTransport(at('tracking')))
  const monitor = monitorClient(createTransport(at('monitor')))
  const { info } = await tracking.createRun('0')
  await tracking.logMetrics(info.run_id, [{ key: 'before', value: 1, step: 0 }])
  await monitor.sendLabels([{ request_id: 'before', label: 1 }])

  await server.halt()
  const { host } = new URL(server.url)
  const says = new RegExp(`^PostgreSQL at ${host}, database millrace, does not answer: `)
  // At first of connections that broke, then of new ones that are refused.
  for (const round of ['at once', 'later']) {
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
    assert.equal((await fetch(`${at('serving')}/v2/health/live`)).status, 200)
  }

  await server.resume()
  for (const { name } of running) assert.equal((await fetch(`${at(name)}/-/outbox`)).status, 200, name)
  await tracking.logMetrics(info.run_id, [{ key: 'after', value: 2, step: 0 }])
  assert.deepEqual((await tracking.getRun(info.run_id)).data.metrics.map(({ key, value }) => [key, value]).sort(), [['after', 2], ['before', 1]])
  assert.equal((await monitor.sendLabels([{ request_id: 'before', label: 1 }, { request_id: 'after', label: 0 }])).duplicates, 1)
  assert.equal((await monitor.pendingLabels()).count, 2)
})

test('a server that is stopped again and again under load loses no write that was acknowledged', async () => {
  const tracking = trackingClient(createTransport(at('tracking'), { retryForMs: 30_000 }))
  const { info } = await tracking.createRun('0')
  let step = 0
  let over = false
  const written: number[] = []
  const writers = Array.from({ length: 4 }, async () => {
    while (!over) {
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
  over = true
  await Promise.all(writers)
  const kept = (await tracking.metricHistory(info.run_id, 'm')).map((point) => point.step)
  assert.deepEqual(kept.toSorted((a, b) => a - b), written.toSorted((a, b) => a - b))
})

test('no log line holds the password, and they name the database', () => {
  assert.ok(log.includes('does not answer'))
  assert.equal(log.includes(PASSWORD), false)
})
