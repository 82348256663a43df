import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { controlClient } from '../../sdk/control.ts'
import { createTransport } from '../../sdk/http.ts'
import { monitorClient } from '../../sdk/monitor.ts'
import { servingClient } from '../../sdk/serving.ts'
import type { OutboxPage } from '../api/events.ts'
import { monitorService } from '../monitoring/index.ts'
import { freePort } from '../platform/http/testing.ts'
import { type RunningService, runService } from '../platform/service/index.ts'
import { startForTest } from '../platform/service/testing.ts'
import { servingService } from '../serving/index.ts'
import { FIXTURES, ROW, ready, startRegistry, testConfig } from '../serving/testing.ts'

/** The real journal, its files restored from a copy and torn, under the real monitor. */
test("serving's disk is restored from a backup, and later loses the end of a file: the monitor keeps every answer, once", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-restored-'))
  const registry = await startRegistry(join(folder, 'registry'))
  registry.add('1', join(FIXTURES, 'one'))
  registry.move('champion', '1')
  const port = await freePort()
  const yaml = 'deployments: [{model: delay}]\nmonitors: [{model: delay}]\n'
  const config = testConfig({ tracking: registry.url, gateway: registry.url, yaml, serving: `http://127.0.0.1:${port}` })
  const url = `http://127.0.0.1:${port}`
  const projectFolder = join(folder, 'project')
  const journal = join(projectFolder, '.millrace', 'serving', 'journal')
  let serving: RunningService | undefined
  const serve = async (): Promise<void> => {
    serving = await runService(servingService, config, { projectFolder, port, log: pino({ level: 'silent' }) })
    await ready(url)
  }
  const stop = async (): Promise<void> => {
    await serving?.stop()
    serving = undefined
  }
  await serve()
  const monitor = await startForTest(monitorService, config)
  const client = servingClient(createTransport(url, { retryForMs: 5000 }))
  const acknowledged: string[] = []
  const predict = async (...ids: readonly string[]): Promise<void> => {
    for (const requestId of ids) acknowledged.push((await client.predict('delay', [ROW], { requestId })).requestId)
  }
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 1000; i++) {
      const { waiting_for } = await controlClient(createTransport(monitor.url)).watermark()
      if (waiting_for.length === 0) return
      await sleep(10)
    }
    assert.fail('the monitor never caught up')
  }
  try {
    for (const batch of [['a1', 'a2'], ['b1', 'b2', 'b3']]) {
      await predict(...batch)
      await settle()
    }
    cpSync(journal, join(folder, 'backup'), { recursive: true })
    for (const batch of [['c1'], ['d1', 'd2']]) {
      await predict(...batch)
      await settle()
    }
    await stop()
    rmSync(journal, { recursive: true })
    cpSync(join(folder, 'backup'), journal, { recursive: true })
    await serve()
    // Beyond where the monitor stopped, at once, and one of them a repetition.
    await predict('d2', ...Array.from({ length: 20 }, (_, i) => `later-${i}`))
    await settle()

    // As after a loss of power: half of the last line is missing.
    await stop()
    const file = join(journal, readdirSync(journal).filter((name) => name.endsWith('.ndjson')).sort().at(-1) ?? '')
    truncateSync(file, readFileSync(file).length - 20)
    await serve()
    await predict('z1', 'z2')
    await settle()

    const labels = [...new Set(acknowledged)].map((id, i) => ({ request_id: id, label: i % 2 }))
    const { pending } = await monitorClient(createTransport(monitor.url)).sendLabels(labels)
    const { points } = await monitorClient(createTransport(monitor.url)).performance('delay', 'month')
    assert.deepEqual([pending, points.reduce((sum, point) => sum + point.rows, 0)], [0, labels.length])
    const page = await createTransport(monitor.url).json<OutboxPage>('GET', '/-/outbox')
    const told = page.events.map(({ type, data }) => [type, 'cause' in data && data.cause])
    assert.deepEqual(told, [['dev.millrace.journal.discontinued', 'shortened'], ['dev.millrace.journal.discontinued', 'shortened']])
  } finally {
    await monitor.stop()
    await stop()
    await registry.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
