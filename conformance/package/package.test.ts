import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../lib/free-ports.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'millrace-package-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function run(program: string, args: readonly string[], cwd: string): string {
  // ONNX Runtime's install script fetches GPU libraries; what runs on a CPU is inside its package.
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' }
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8', timeout: 300_000, env })
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}

test('the published package, installed into an empty folder, runs: built, with its console, its example and its SDK', async () => {
  run('npm', ['run', 'build'], root)
  run('npm', ['pack', '--silent', '--pack-destination', folder], root)
  const [tarball] = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  assert.ok(tarball)
  const app = join(folder, 'app')
  mkdirSync(app)
  run('npm', ['init', '-y'], app)
  run('npm', ['install', '--no-audit', '--no-fund', join(folder, tarball)], app)
  const millrace = join(app, 'node_modules', '.bin', 'millrace')
  const installed = join(app, 'node_modules', 'millrace')

  assert.match(run(millrace, ['--version'], app), /^\d+\.\d+\.\d+\n$/)
  const example = join(installed, 'examples', 'flights')
  const checked = run(millrace, ['contract', 'check', join(example, 'contracts', 'flights.yaml'), '--data', join(example, 'source', 'flights', '2013-03.parquet'), '--as-of', '2013-04-02T00:00:00Z'], app)
  assert.match(checked, /100/)
  run(millrace, ['init', 'project'], app)
  assert.equal(run('node', ['--input-type=module', '-e', "import { connect } from 'millrace/sdk'; console.log(typeof connect().tracking.getRun)"], app), 'function\n')

  const ports = await freePorts()
  const gateway = spawn(millrace, ['serve', 'gateway'], { cwd: join(app, 'project'), env: { ...process.env, ...ports }, stdio: 'ignore' })
  try {
    const page = await answer(`http://127.0.0.1:${ports.MILLRACE_GATEWAY_PORT}/`)
    assert.match(page, /<div id="root">|<script type="module"/)
  } finally {
    gateway.kill()
  }
})

async function answer(url: string): Promise<string> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const response = await fetch(url).catch(() => undefined)
    if (response?.ok) return response.text()
    await sleep(100)
  }
  throw new Error(`nobody answered at ${url}`)
}
