import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ApiError, createTransport } from '../../sdk/http.ts'
import { servingClient } from '../../sdk/serving.ts'
import { SERVING_PROCESS } from '../../src/serving/testing-process.ts'
import { FIXTURES, ROW, ready, startRegistry } from '../../src/serving/testing.ts'
import { startOnSmallDisk } from '../lib/small-disk.ts'

test('with the disk full, predictions are refused with the reason; when there is room again, serving goes on by itself', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'serving-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const registry = await startRegistry(join(folder, 'registry'))
  t.after(() => registry.close())
  registry.add('1', join(FIXTURES, 'one'))
  registry.move('champion', '1')
  const options = JSON.stringify({ tracking: registry.url, gateway: registry.url, yaml: 'deployments: [{model: delay}]' })
  const disk = await startOnSmallDisk(t, folder, 2048, SERVING_PROCESS, options)
  const { url } = disk
  await ready(url)
  const client = servingClient(createTransport(url))
  const before = await client.predict('delay', [ROW], { requestId: 'before' })

  await disk.fill()
  // What is left of the last page may take some more.
  const refusals: unknown[] = []
  for (let i = 0; i < 50; i++) await client.predict('delay', [ROW], { requestId: `full-${i}` }).catch((error: unknown) => refusals.push(error))
  assert.ok(refusals.length > 10, `${refusals.length} of 50 refused`)
  for (const error of refusals) {
    assert.ok(error instanceof ApiError)
    assert.equal(error.status, 507)
    assert.match(error.message, /writing the journal: no space is left on the device/)
  }
  assert.equal((await fetch(`${url}/v2/health/live`)).status, 200)

  await disk.empty()
  const after = await client.predict('delay', [ROW], { requestId: 'after' })
  assert.deepEqual(after.probabilities, before.probabilities)
  const ids = (await client.readJournal(0)).records.map(({ id }) => id)
  assert.equal(ids[0], 'before')
  assert.equal(ids.at(-1), 'after')
  assert.equal(new Set(ids).size, ids.length)
})
