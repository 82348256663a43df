import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { freePort } from '../platform/http/testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-serve-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const main = join(import.meta.dirname, '..', 'main.ts')

test('serve serving runs where there is no millrace.yaml, on a folder of models', async () => {
  mkdirSync(join(folder, 'models', 'pixels', '1'), { recursive: true })
  cpSync(join(import.meta.dirname, '..', 'serving', 'fixtures', 'pixels', 'model.onnx'), join(folder, 'models', 'pixels', '1', 'model.onnx'))
  const port = await freePort()
  const child = spawn(process.execPath, [main, 'serve', 'serving', '--models', 'models', '--data', 'state', '--port', String(port)], { cwd: folder, stdio: 'ignore' })
  try {
    const ready = async () => (await fetch(`http://127.0.0.1:${port}/v2/models/pixels/ready`).catch(() => null))?.status === 200
    while (!(await ready())) {
      assert.equal(child.exitCode, null)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3, 2, 2], data: Array.from({ length: 12 }, () => 1) }], outputs: [{ name: 'total' }] })
    const answer = await fetch(`http://127.0.0.1:${port}/v2/models/pixels/infer`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const { outputs } = JSON.parse(await answer.text())
    assert.deepEqual(outputs[0].data, [12])
    assert.ok(existsSync(join(folder, 'state', 'serving', 'journal')))
  } finally {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
})

const REFUSED: readonly (readonly [readonly string[], RegExp])[] = [
  [['serving', '--models', 'models', '--database', 'postgresql://h/n'], /--database is for `serve tracking`/],
  [['tracking', '--models', 'models'], /--models is for `serve serving`/],
  [['monitor', '--port', '1'], /--port is for `serve tracking` and `serve serving`/],
]
for (const [args, message] of REFUSED) {
  test(`serve ${args.join(' ')} is refused`, () => {
    const { status, stderr } = spawnSync(process.execPath, [main, 'serve', ...args], { cwd: folder, encoding: 'utf8' })
    assert.match(stderr, message)
    assert.equal(status, 64)
  })
}
