// A stop that takes as long as `services.serving.drain` says, and longer than any other service gets: through the command line, as a container runs it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { untilAnswers } from '../../bench/lib/processes.ts'
import { freePort } from '../../src/platform/http/testing.ts'
import { FIXTURES, ROW } from '../../src/serving/testing.ts'

test('what comes in the last moment of a long drain is answered and journaled, and the process ends well', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-stop-'))
  cpSync(join(FIXTURES, 'one'), join(folder, 'models', 'delay', '1'), { recursive: true })
  const port = await freePort()
  const launcher = join(import.meta.dirname, '..', '..', 'bin', 'millrace.mjs')
  const child = spawn(process.execPath, [launcher, 'serve', 'serving', '--models', join(folder, 'models'), '--data', join(folder, 'state'), '--port', String(port)], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, MILLRACE_SERVING_DRAIN: '12s' },
  })
  try {
    const url = `http://127.0.0.1:${port}`
    await untilAnswers(`${url}/v2/health/ready`, child)
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    const answered: string[] = []
    for (let i = 0; child.exitCode === null && i < 200; i++) {
      const id = `late-${i}`
      const answer = await fetch(`${url}/v1/models/delay:predict`, { method: 'POST', headers: { 'x-request-id': id, 'content-type': 'application/json' }, body: JSON.stringify({ instances: [ROW] }) }).catch(() => null)
      if (answer === null) break
      assert.equal(answer.status, 200, await answer.text())
      answered.push(id)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    assert.deepEqual((await exit)[0], 0)
    assert.ok(answered.length > 80, `${answered.length} were answered while it drained`)
    const journal = join(folder, 'state', 'serving', 'journal')
    const lines = readdirSync(journal).flatMap((name) => (name.endsWith('.ndjson') ? readFileSync(join(journal, name), 'utf8').trimEnd().split('\n') : []))
    const ids = new Set(lines.map((line) => (JSON.parse(line) as { readonly id: string }).id))
    for (const id of answered) assert.ok(ids.has(id), id)
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})
