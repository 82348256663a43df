import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createTransport } from '../../sdk/http.ts'
import { trackingClient } from '../../sdk/tracking.ts'
import { startTrackingProcess } from './testing-process.ts'
import { eventsAfter } from './testing.ts'

test('killed with -9 while it writes, it has everything that it had acknowledged, and a chain of events without a gap', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kill-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const first = await startTrackingProcess(folder)
  t.after(first.kill)
  const client = trackingClient(createTransport(first.url))
  const run = await client.createRun('0', { name: 'survivor' })
  const runId = run.info.run_id
  await client.registerModel('m')
  const acknowledged = { steps: [] as number[], files: [] as string[], versions: [] as string[] }

  const gone = new AbortController()
  const until = async (work: (i: number) => Promise<void>): Promise<void> => {
    for (let i = 0; !gone.signal.aborted; i++) await work(i).catch(() => gone.abort())
  }
  const writers = [
    until(async (step) => {
      await client.logMetrics(runId, [{ key: 'm', value: step, step }])
      acknowledged.steps.push(step)
    }),
    until(async (i) => {
      await client.uploadArtifact(runId, `f/${i}.txt`, `file ${i} `.repeat(2000))
      acknowledged.files.push(`f/${i}.txt`)
    }),
    until(async () => {
      const { version } = await client.createVersion('m', { source: `${run.info.artifact_uri}/model`, runId })
      await client.setAlias('m', 'champion', version)
      acknowledged.versions.push(version)
    }),
  ]
  const fewest = () => Math.min(...Object.values(acknowledged).map((list) => list.length))
  while (!gone.signal.aborted && fewest() < 5) await new Promise((resolve) => setTimeout(resolve, 10))
  await first.kill()
  await Promise.all(writers)

  const second = await startTrackingProcess(folder)
  t.after(second.kill)
  const again = trackingClient(createTransport(second.url))
  const steps = new Set((await again.metricHistory(runId, 'm')).map(({ step }) => step))
  assert.deepEqual(acknowledged.steps.filter((step) => !steps.has(step)), [])
  for (const [i, path] of acknowledged.files.entries()) {
    assert.equal(new TextDecoder().decode(await again.downloadArtifact(runId, path)), `file ${i} `.repeat(2000))
  }
  const listed = await again.listArtifacts(runId, 'f')
  assert.deepEqual(listed.filter(({ file_size }) => (file_size ?? 0) < 2000), [], 'no part of a file')
  const champion = await again.getByAlias('m', 'champion')
  assert.ok(Number(champion?.version) >= Number(acknowledged.versions.at(-1)))
  const moves = await again.aliasHistory('m', 'champion')
  assert.equal(moves.at(-1)?.version, champion?.version)

  const events = await eventsAfter(second.url, 0)
  assert.deepEqual(events.map(({ seq }) => seq), events.map((_, i) => i + 1))
  for (const [i, event] of events.entries()) assert.equal(event.previoushash, events[i - 1]?.hash ?? '0'.repeat(64))
  assert.equal(events.filter(({ type }) => type === 'dev.millrace.model.alias.moved').length, moves.length)
  await again.logMetrics(runId, { after: 1 })
})
