import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { controlClient } from '../../sdk/control.ts'
import { createTransport } from '../../sdk/http.ts'
import { monitorClient } from '../../sdk/monitor.ts'
import { type TrackingClient, trackingClient } from '../../sdk/tracking.ts'
import { projectConfigSchema } from '../domain/config.ts'
import { DAY_MS } from '../domain/windows.ts'
import { DuckDB } from '../monitoring/duckdb.ts'
import { monitorService } from '../monitoring/index.ts'
import { Peers } from '../monitoring/peers.ts'
import { parseConfig } from '../platform/config/index.ts'
import { startForTest } from '../platform/service/testing.ts'
import { trackingService } from '../training/index.ts'

const MODEL = 'flight-delay'
const METRICS = { log_loss: 0.5, auc: 0.75, base_rate_log_loss: 0.62, ece: 0.01, latency_p99_ms: 2 }
const START = Date.parse('2013-04-01T00:00:00Z')

async function trainingSample(): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-sample-'))
  const file = join(folder, 'reference.parquet')
  const duckdb = new DuckDB()
  await duckdb.use((connection) => connection.run(`copy (select (i % 24)::integer as hour, 0.5 as score from range(500) t(i)) to '${file}' (format parquet)`))
  await duckdb.close()
  const bytes = readFileSync(file)
  rmSync(folder, { recursive: true })
  return bytes
}

async function register(tracking: TrackingClient, metrics: Readonly<Record<string, number>>): Promise<string> {
  const experiment = await tracking.getOrCreateExperiment('flights')
  const { info } = await tracking.createRun(experiment)
  await tracking.logMetrics(info.run_id, metrics)
  await tracking.uploadArtifact(info.run_id, 'model/reference.parquet', await trainingSample())
  await tracking.registerModel(MODEL)
  return (await tracking.createVersion(MODEL, { source: `runs:/${info.run_id}/model`, runId: info.run_id })).version
}

test('the monitor judges versions of the real registry, moves its aliases with reasons, and compares traffic with their training data', async () => {
  const peers = new Peers()
  await peers.start()
  const yaml = (tracking: string) => `
project: test
clock: { simulated: 2013-04-01T00:00:00Z }
services: { serving: { url: '${peers.url}' }, features: { url: '${peers.url}' }, pipelines: { url: '${peers.url}' }, tracking: { url: '${tracking}' } }
deployments: [{ model: ${MODEL}, shadow: [frozen, challenger] }]
monitors: [{ model: ${MODEL} }]
retraining: [{ model: ${MODEL}, promote: { margin: 0 } }]
`
  const config = (tracking: string) => parseConfig(projectConfigSchema, yaml(tracking), 'millrace.yaml')
  const trackingRunning = await startForTest(trackingService, config('http://127.0.0.1:1'))
  const monitorRunning = await startForTest(monitorService, config(trackingRunning.url))
  const tracking = trackingClient(createTransport(trackingRunning.url))
  const monitor = monitorClient(createTransport(monitorRunning.url))
  const clocks = [trackingRunning, monitorRunning].map(({ url }) => controlClient(createTransport(url)))
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 500; i++) {
      const { waiting_for } = await controlClient(createTransport(monitorRunning.url)).watermark()
      if (waiting_for.length === 0) return
      await sleep(10)
    }
    assert.fail('the monitor never caught up')
  }
  try {
    const first = await register(tracking, METRICS)
    await monitor.submitCandidate(MODEL, first)
    await settle()
    const bad = await register(tracking, { ...METRICS, log_loss: 0.7 })
    await monitor.submitCandidate(MODEL, bad)
    const second = await register(tracking, METRICS)
    await monitor.submitCandidate(MODEL, second)
    await settle()
    const labels: { request_id: string; label: number; time: string }[] = []
    for (let i = 0; i < 200; i++) {
      const [id, label, time] = [`r${i}`, i % 2, START + i * 1000]
      const common = { id, row: 0, model: MODEL, time }
      peers.journal([
        { ...common, version: first, alias: 'champion', role: 'champion', features: { hour: i % 24 }, score: 0.5 },
        { ...common, version: second, alias: 'challenger', role: 'shadow', score: label === 1 ? 0.8 : 0.3 },
      ])
      labels.push({ request_id: id, label, time: new Date(time + 1000).toISOString() })
    }
    await monitor.sendLabels(labels)
    for (const clock of clocks) await clock.setClock(new Date(START + 8 * DAY_MS))
    await settle()
    const states = (await monitor.candidates(MODEL)).map(({ version, state }) => [version, state])
    assert.deepEqual(states.sort(), [[first, 'promoted'], [bad, 'refused'], [second, 'promoted']])
    const moves = (await tracking.aliasHistory(MODEL)).map(({ alias, version, previous, actor }) => [alias, version, previous, actor])
    assert.deepEqual(moves.sort(), [
      ['challenger', null, second, 'monitor'],
      ['challenger', second, null, 'monitor'],
      ['champion', first, null, 'monitor'],
      ['champion', second, first, 'monitor'],
      ['frozen', first, null, 'monitor'],
    ])
    const [report] = await monitor.reports(MODEL)
    assert.deepEqual(report?.drift.columns.map(({ column, drifted }) => [column, drifted]), [['hour', false], ['prediction', false]])
  } finally {
    await monitorRunning.stop()
    await trackingRunning.stop()
    await peers.stop()
  }
})
