import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { ApiError, createTransport } from '../../sdk/http.ts'
import { trackingClient } from '../../sdk/tracking.ts'
import { TRACKING_PROCESS } from '../../src/training/testing-process.ts'

const KILOBYTES = 4096

/** A file system of its own, of four megabytes, which only the service and a shell in the same namespace see. Linux; needs unshare(1) of util-linux. */
test('with the disk full, uploads and metrics are refused with the reason; when there is room again, both go on', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tracking-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'mounted'))
  const script = `mount -t tmpfs -o size=${KILOBYTES}k tmpfs "$1" || exit 1
    "$2" "$3" "$1" & service=$!
    while read -r order; do
      case $order in fill) dd if=/dev/zero of="$1/ballast" bs=1k 2>/dev/null; echo filled;; empty) rm "$1/ballast"; echo emptied;; esac
    done
    kill $service; wait $service`
  const shell = spawn('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', join(folder, 'mounted'), process.execPath, TRACKING_PROCESS], {
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
  const client = trackingClient(createTransport(`http://127.0.0.1:${await said(/^\{"listening":(\d+)\}$/)}`))
  const run = await client.createRun('0')
  const runId = run.info.run_id
  await client.uploadArtifact(runId, 'a.bin', 'before')

  shell.stdin.write('fill\n')
  await said(/^(filled)$/)
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

  shell.stdin.write('empty\n')
  await said(/^(emptied)$/)
  await client.uploadArtifact(runId, 'a.bin', 'after')
  await client.logMetrics(runId, many)
  assert.equal(new TextDecoder().decode(await client.downloadArtifact(runId, 'a.bin')), 'after')
  assert.equal((await client.metricHistory(runId, 'm')).length, 5000)
})
