import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { controlClient } from '../../sdk/control.ts'
import { createTransport } from '../../sdk/http.ts'
import { monitorClient } from '../../sdk/monitor.ts'
import type { OutboxPage } from '../api/events.ts'
import type { ScoredRecord } from '../api/serving.ts'
import { DAY_MS } from '../domain/windows.ts'
import { Peers } from '../monitoring/peers.ts'
import { findBreak } from '../platform/events/chain.ts'
import { freePort } from '../platform/http/testing.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const MODEL = 'flight-delay'
const METRICS = { log_loss: 0.5, auc: 0.75, base_rate_log_loss: 0.62, ece: 0.01, latency_p99_ms: 2 }
const START = Date.parse('2013-04-29T00:00:00Z')
const PER_DAY = 300

test('killed again and again while it takes over predictions, labels and a retraining, the monitor ends as if nothing had happened', async () => {
  const project = mkdtempSync(join(tmpdir(), 'millrace-monitor-killed-'))
  const peers = new Peers()
  await peers.start()
  for (const version of ['1', '2']) peers.versions.set(version, { metrics: METRICS, files: {} })
  const port = await freePort()
  const at = `{ url: '${peers.url}' }`
  writeFileSync(
    join(project, 'millrace.yaml'),
    `project: killed
clock: { simulated: 2013-04-29T00:00:00Z }
services: { monitor: { port: ${port} }, serving: ${at}, tracking: ${at}, features: ${at}, pipelines: ${at} }
deployments: [{ model: ${MODEL}, shadow: [challenger] }]
monitors: [{ model: ${MODEL} }]
retraining: [{ model: ${MODEL}, at_least_every: monthly }]
`,
  )
  const transport = createTransport(`http://127.0.0.1:${port}`, { retryForMs: 30_000 })
  let child = serve(project)
  let kills = 0
  let over = false
  const killer = (async () => {
    for (; kills < 4; kills++) {
      await controlClient(transport).health()
      await sleep(50 + Math.random() * 500)
      if (over) break
      await kill(child)
      child = serve(project)
    }
  })()
  const monitor = monitorClient(transport)
  const moveTo = async (time: number): Promise<void> => {
    await controlClient(transport).setClock(new Date(time))
    for (let quiet = 0, i = 0; quiet < 2; i++) {
      assert.ok(i < 3000, 'the monitor never caught up')
      for (const [key, execution] of peers.executions) peers.executions.set(key, { ...execution, state: 'finished', version: '2', run_id: 'run-2' })
      const { waiting_for, time: now } = await controlClient(transport).watermark()
      quiet = waiting_for.length === 0 && Date.parse(now) === time ? quiet + 1 : 0
      await sleep(10)
    }
  }
  try {
    await monitor.submitCandidate(MODEL, '1')
    await moveTo(START + 3_600_000)
    for (let day = 0; day < 12; day++) {
      const records: ScoredRecord[] = []
      const labels: { request_id: string; label: number; time: string }[] = []
      for (let i = 0; i < PER_DAY; i++) {
        const common = { id: `${day}-${i}`, row: 0, model: MODEL, time: START + day * DAY_MS + i * 1000 }
        const label = i % 3 === 0 ? 1 : 0
        records.push({ ...common, version: '1', alias: 'champion', role: 'champion', score: 0.4, features: { hour: i % 24 } })
        records.push({ ...common, version: '2', alias: 'challenger', role: 'shadow', score: label === 1 ? 0.6 : 0.2 })
        labels.push({ request_id: common.id, label, time: new Date(common.time + 60_000).toISOString() })
      }
      peers.journal(records)
      for (let i = 0; i < PER_DAY; i += 50) await monitor.sendLabels(labels.slice(i, i + 50))
      await moveTo(START + (day + 1) * DAY_MS + 3_600_000)
    }
    over = true
    await killer
    assert.ok(kills >= 2, `it was killed ${kills} times`)
    const { points } = await monitor.performance(MODEL, 'day', ['champion', 'challenger'])
    assert.deepEqual(points.map(({ rows }) => rows), Array.from({ length: 12 }, () => PER_DAY))
    assert.equal((await monitor.pendingLabels()).count, 0)
    const candidates = await monitor.candidates(MODEL)
    assert.deepEqual(candidates.map(({ version, state, reason }) => [version, state, reason]), [['2', 'promoted', 'schedule'], ['1', 'promoted', 'submitted']])
    assert.deepEqual(peers.moves.map(({ alias, version }) => [alias, version]), [['champion', '1'], ['challenger', '2'], ['champion', '2'], ['challenger', null]])
    assert.equal(peers.executions.size, 1)
    const { events } = await transport.json<OutboxPage>('GET', '/-/outbox?limit=1000')
    assert.equal(findBreak(events), null)
    const types = events.map(({ type }) => type.slice('dev.millrace.'.length)).filter((type) => type !== 'drift.detected' && type !== 'performance.degraded')
    assert.deepEqual(types, ['gate.decided', 'retraining.requested', 'gate.decided', 'report.created', 'gate.decided'])
  } finally {
    over = true
    await killer
    await kill(child)
    await peers.stop()
    rmSync(project, { recursive: true, force: true })
  }
})

function serve(project: string): ChildProcess {
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, '-C', project, 'serve', 'monitor'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, MILLRACE_LOG_LEVEL: 'silent' },
  })
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
