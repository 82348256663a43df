import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { ApiError, createTransport } from '../../sdk/http.ts'
import { servingClient } from '../../sdk/serving.ts'
import { SERVING_PROCESS } from '../../src/serving/testing-process.ts'
import { FIXTURES, ROW, ready, startRegistry } from '../../src/serving/testing.ts'

const KILOBYTES = 2048

/** A file system of its own, of two megabytes, which only the service and a shell in the same namespace see. Linux; needs unshare(1) of util-linux. */
test('with the disk full, predictions are refused with the reason; when there is room again, serving goes on by itself', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'serving-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'mounted'))
  const registry = await startRegistry(join(folder, 'registry'))
  t.after(() => registry.close())
  registry.add('1', join(FIXTURES, 'one'))
  registry.move('champion', '1')
  const options = JSON.stringify({ tracking: registry.url, gateway: registry.url, yaml: 'deployments: [{model: delay}]' })
  // The shell fills the disk and empties it again on request; the service is its child.
  const script = `mount -t tmpfs -o size=${KILOBYTES}k tmpfs "$1" || exit 1
    "$2" "$3" "$1" "$4" & service=$!
    while read -r order; do
      case $order in fill) dd if=/dev/zero of="$1/ballast" bs=1k 2>/dev/null; echo filled;; empty) rm "$1/ballast"; echo emptied;; esac
    done
    kill $service; wait $service`
  const shell = spawn('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', join(folder, 'mounted'), process.execPath, SERVING_PROCESS, options], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => new Promise<void>((resolve) => shell.once('exit', () => resolve()).stdin.end()))
  const lines = createInterface(shell.stdout)[Symbol.asyncIterator]()
  const said = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done) throw new Error(`the service ended before it said ${pattern}`)
      const match = pattern.exec(String(value))
      if (match) return match[1] ?? ''
    }
  }
  const url = `http://127.0.0.1:${await said(/^\{"listening":(\d+)\}$/)}`
  await ready(url)
  const client = servingClient(createTransport(url))
  const before = await client.predict('delay', [ROW], { requestId: 'before' })

  shell.stdin.write('fill\n')
  await said(/^(filled)$/)
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

  shell.stdin.write('empty\n')
  await said(/^(emptied)$/)
  const after = await client.predict('delay', [ROW], { requestId: 'after' })
  assert.deepEqual(after.probabilities, before.probabilities)
  const ids = (await client.readJournal(0)).records.map(({ id }) => id)
  assert.equal(ids[0], 'before')
  assert.equal(ids.at(-1), 'after')
  assert.equal(new Set(ids).size, ids.length)
})
