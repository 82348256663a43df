import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ApiError, createTransport } from '../../sdk/http.ts'
import { trackingClient } from '../../sdk/tracking.ts'
import { TRACKING_PROCESS } from '../../src/training/testing-process.ts'
import { startOnSmallDisk } from '../lib/small-disk.ts'

test('with the disk full, uploads and metrics are refused with the reason; when there is room again, both go on', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tracking-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const disk = await startOnSmallDisk(t, folder, 4096, TRACKING_PROCESS)
  const client = trackingClient(createTransport(disk.url))
  const run = await client.createRun('0')
  const runId = run.info.run_id
  await client.uploadArtifact(runId, 'a.bin', 'before')

  await disk.fill()
  const refused = async (work: () => Promise<unknown>): Promise<void> => {
    await assert.rejects(work, (error: unknown) => {
      assert.ok(error instanceof ApiError)
      assert.deepEqual([error.status, error.code], [507, 'DISK_FULL'], error.message)
      assert.match(error.message, /no space is left on the device/)
      return true
    })
  }
  await refused(() => client.uploadArtifact(runId, 'a.bin', 'x'.repeat(200_000)))
  await refused(() => client.uploadArtifact(runId, 'new/b.bin', 'x'.repeat(200_000)))
  const many = Array.from({ length: 5000 }, (_, step) => ({ key: 'm', value: step, step }))
  await refused(() => client.logMetrics(runId, many))
  assert.equal(new TextDecoder().decode(await client.downloadArtifact(runId, 'a.bin')), 'before')
  assert.deepEqual((await client.listArtifacts(runId)).map(({ path }) => path), ['a.bin'])

  await disk.empty()
  await client.uploadArtifact(runId, 'a.bin', 'after')
  await client.logMetrics(runId, many)
  assert.equal(new TextDecoder().decode(await client.downloadArtifact(runId, 'a.bin')), 'after')
  assert.equal((await client.metricHistory(runId, 'm')).length, 5000)
})
