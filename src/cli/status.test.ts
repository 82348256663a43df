import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { projectConfigSchema } from '../domain/config.ts'
import { parseConfig } from '../platform/config/index.ts'
import { writeFileDurable } from '../platform/fs/index.ts'
import { startForTest } from '../platform/service/testing.ts'
import { trackingService } from '../training/index.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-status-')))
after(() => rmSync(folder, { recursive: true, force: true }))
const text = "project: shop\nclock: {simulated: '2024-07-01T00:00:00Z'}\n"
const tracking = await startForTest(trackingService, parseConfig(projectConfigSchema, text, 'millrace.yaml'), { projectFolder: folder })
after(() => tracking.stop())
// Port 1 is nobody's.
const others = ['gateway', 'features', 'serving', 'monitor', 'pipelines'].map((name) => `${name}: {port: 1}`).join(', ')
writeFileDurable(join(folder, 'millrace.yaml'), `${text}services: {tracking: {port: ${tracking.port}}, ${others}}\n`)

function millrace(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(import.meta.dirname, '..', 'main.ts'), ...args], { cwd: folder }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr }),
    )
  })
}

test('status tells project time and what is due of the services that answer, and names those that do not', async () => {
  const { code, stdout, stderr } = await millrace('status')
  assert.match(stdout, new RegExp(`^tracking +http://127\\.0\\.0\\.1:${tracking.port} +2024-07-01T00:00:00 +caught up$`, 'm'))
  assert.match(stdout, /^serving .*nobody answers/m)
  assert.match(stderr, /UNAVAILABLE: no good answer from gateway, features, serving, monitor, pipelines; .*\.millrace\/logs/)
  assert.equal(code, 69)
})

test('the clock takes a moment, and says what it found instead', async () => {
  const { code, stderr } = await millrace('clock', 'tomorrow')
  assert.match(stderr, /USAGE: moment: found "tomorrow", expected RFC 3339/)
  assert.equal(code, 64)
})
