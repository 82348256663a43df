// npm run conformance [folder …]: the suites that bring the real peers. Python packages go into a virtual environment, .venv, unless MILLRACE_PEERS_VENV names one.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { node24 } from './node24.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const requirements = join(root, 'conformance', 'requirements.txt')

const venv = process.env.MILLRACE_PEERS_VENV ?? join(root, '.venv')
if (process.env.MILLRACE_PEERS_VENV === undefined) preparePeers(venv)
const missing = [
  [existsSync('/usr/lib/postgresql') && readdirSync('/usr/lib/postgresql').length > 0, 'PostgreSQL 15: apt-get install postgresql'],
  [findChromium() !== undefined, 'Chromium: apt-get install chromium, or name one in MILLRACE_CHROMIUM'],
].filter(([there]) => !there)
if (missing.length > 0) {
  console.error(`Conformance needs what this machine lacks:\n${missing.map(([, what]) => `  ${what}`).join('\n')}`)
  process.exit(69)
}

const built = spawnSync(node24(), [join(root, 'scripts', 'build-console.mjs')], { stdio: 'inherit' })
if (built.status !== 0) process.exit(built.status ?? 1)
const places = process.argv.slice(2)
const patterns = (places.length > 0 ? places : ['conformance']).map((place) => (place.endsWith('.ts') ? place : `${place}/**/*.test.ts`))
// One file after the other: several of them start servers, and the demo takes both cores.
const { status } = spawnSync(
  node24(),
  ['--disable-warning=ExperimentalWarning', '--test', '--test-concurrency=1', '--test-timeout=900000', '--test-force-exit', ...patterns],
  { cwd: root, stdio: 'inherit', env: { ...process.env, MILLRACE_PEERS_VENV: venv, MILLRACE_CHROMIUM: findChromium() } },
)
process.exit(status ?? 1)

/** Makes the environment, or brings it up to date when the list of peers has changed. */
function preparePeers(folder) {
  const stamp = join(folder, 'millrace-peers')
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  console.log(`Installing the peers into ${folder} (once; some minutes)`)
  run('python3', ['-m', 'venv', folder])
  run(join(folder, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', '-r', requirements])
  writeFileSync(stamp, wanted)
}

function run(program, args) {
  const { status, error } = spawnSync(program, args, { stdio: 'inherit' })
  if (error || status !== 0) {
    console.error(`${program} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}. Python 3.10 or newer with venv is needed: apt-get install python3-venv`)
    process.exit(69)
  }
}

function findChromium() {
  const folders = (process.env.PATH ?? '').split(':')
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  return process.env.MILLRACE_CHROMIUM ?? folders.flatMap((folder) => names.map((name) => join(folder, name))).find((file) => existsSync(file))
}
