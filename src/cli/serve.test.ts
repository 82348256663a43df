import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const folder = mkdtempSync(join(tmpdir(), 'millrace-serve-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('under a supervisor a service that cannot start says why and ends by itself', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const address = holder.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  writeFileSync(join(folder, 'millrace.yaml'), `project: test\nservices: {pipelines: {port: ${port}}}\n`)
  // With a channel, as the supervisor starts it.
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'main.ts'), 'serve', 'pipelines'], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  try {
    let said = ''
    child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')))
    const [code]: unknown[] = await once(child, 'exit')
    assert.match(said, /PORT_TAKEN/)
    assert.notEqual(code, 0)
  } finally {
    child.kill('SIGKILL')
    holder.close()
  }
})
