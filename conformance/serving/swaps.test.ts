// Hot swaps as a deployment sees them in a year: hundreds, under load, in a process of its own. How long they take is measured in bench/serving/swap.ts.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openLoop } from '../../bench/lib/lines.ts'
import { pssMegabytes, untilAnswers } from '../../bench/lib/processes.ts'
import { freePort } from '../../src/platform/http/testing.ts'
import { FIXTURES, ROW } from '../../src/serving/testing.ts'

const SWAPS = 200
/** Allocators and compilers have what they need by then. */
const SETTLED = 40
const GROWTH = 1.15

test(`${SWAPS} hot swaps under load lose no request and leave no memory behind`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-swaps-'))
  const [aside, place] = [join(folder, 'aside'), join(folder, 'models', 'delay', '2')]
  cpSync(join(FIXTURES, 'one'), join(folder, 'models', 'delay', '1'), { recursive: true })
  cpSync(join(FIXTURES, 'two'), aside, { recursive: true })
  const port = await freePort()
  const launcher = join(import.meta.dirname, '..', '..', 'bin', 'millrace.mjs')
  const child = spawn(process.execPath, [launcher, 'serve', 'serving', '--models', join(folder, 'models'), '--data', join(folder, 'state'), '--port', String(port)], { stdio: ['ignore', 'ignore', 'inherit'] })
  const megabytes = (): number => pssMegabytes(child.pid ?? 0).megabytes
  try {
    await untilAnswers(`http://127.0.0.1:${port}/v2/health/ready`, child)
    let running = true
    const load = openLoop({ port, path: '/v1/models/delay:predict', body: JSON.stringify({ instances: [ROW] }) }, 100, () => running)
    let before = Number.NaN
    for (let i = 0; i < SETTLED + SWAPS; i++) {
      if (i === SETTLED) before = megabytes()
      if (i % 2 === 0) renameSync(aside, place)
      else renameSync(place, aside)
      const answer = await fetch(`http://127.0.0.1:${port}/v2/repository/models/delay/load`, { method: 'POST' })
      assert.equal(answer.status, 200, await answer.text())
      const { versions } = (await (await fetch(`http://127.0.0.1:${port}/v2/models/delay`)).json()) as { readonly versions: readonly string[] }
      assert.ok(versions.includes(i % 2 === 0 ? '2' : '1'), versions.join())
    }
    running = false
    const seen = await load
    const after = megabytes()
    assert.deepEqual(seen.filter(({ status }) => status !== 200), [])
    assert.ok(seen.length > SWAPS, `${seen.length} requests were sent`)
    assert.ok(after <= GROWTH * before, `${Math.round(before)} MB grew to ${Math.round(after)} MB`)
  } finally {
    child.kill('SIGTERM')
    await new Promise((resolve) => child.once('exit', resolve))
    rmSync(folder, { recursive: true, force: true })
  }
})
