import assert from 'node:assert/strict'
import fs from 'node:fs'
import { open } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { test } from 'node:test'
import { sql } from 'kysely'
import { projectConfigSchema } from '../domain/config.ts'
import { parseConfig } from '../platform/config/index.ts'
import { startForTest } from '../platform/service/testing.ts'
import { trackingService } from './index.ts'
import { send } from './testing.ts'

/** https://www.sqlite.org/pragma.html#pragma_synchronous */
const NORMAL = 1
const FULL = 2

for (const [durability, expected] of [['process', NORMAL], ['power', FULL]] as const) {
  test(`durability: ${durability} has SQLite ${expected === FULL ? 'sync its log with each commit' : 'leave the log to the system'}`, async () => {
    let synchronous: unknown
    const watched: typeof trackingService = {
      ...trackingService,
      start: async (context) => {
        synchronous = (await sql<{ synchronous: number }>`pragma synchronous`.execute(context.db.kysely)).rows[0]?.synchronous
        return trackingService.start(context)
      },
    }
    const service = await startForTest(watched, parseConfig(projectConfigSchema, `project: test\ndurability: ${durability}\n`, 'millrace.yaml', {}))
    await service.stop()
    assert.equal(synchronous, expected)
  })
}

test('an artifact is synced, and each folder that is new or has a new name in it, before the answer', async (t) => {
  const service = await startForTest(trackingService, parseConfig(projectConfigSchema, 'project: test\ndurability: power\n', 'millrace.yaml', {}))
  t.after(() => service.stop())
  const handle = await open(import.meta.filename)
  const files = t.mock.method(Object.getPrototypeOf(handle) as typeof handle, 'sync')
  await handle.close()
  const folders = t.mock.method(fs, 'fsyncSync')
  syncBuiltinESMExports()
  t.after(() => {
    folders.mock.restore()
    syncBuiltinESMExports()
  })
  const put = (path: string) => send(service.url, 'PUT', `/api/2.0/mlflow-artifacts/artifacts/${path}`, { body: 'x' })
  assert.equal((await put('0/r/a.txt')).status, 200)
  // The file; the root, `0`, and `r` with the name in it.
  assert.equal(files.mock.callCount(), 1)
  assert.ok(folders.mock.callCount() >= 3, `${folders.mock.callCount()} folders`)
  const before = folders.mock.callCount()
  assert.equal((await put('0/r/b.txt')).status, 200)
  assert.equal(files.mock.callCount(), 2)
  assert.equal(folders.mock.callCount(), before + 1)
})
