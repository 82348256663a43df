// npm run conformance [folder …]: the suites that bring the real peers.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { TESTING, compiledOnce, node24 } from './node24.mjs'
import { peersVenv, root } from './peers.mjs'

const venv = peersVenv()
const missing = [
  [existsSync('/usr/lib/postgresql') && readdirSync('/usr/lib/postgresql').length > 0, 'PostgreSQL 15: apt-get install postgresql'],
  [['javac', 'mvn'].every(onPath), 'a JDK and Maven, for the Java client: apt-get install default-jdk-headless maven'],
  [(process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, 'haproxy'))) || existsSync('/usr/sbin/haproxy'), 'HAProxy: apt-get install haproxy'],
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
  [...TESTING, '--test-concurrency=1', '--test-timeout=900000', ...patterns],
  { cwd: root, stdio: 'inherit', env: { ...compiledOnce(), MILLRACE_PEERS_VENV: venv, MILLRACE_CHROMIUM: findChromium() } },
)
process.exit(status ?? 1)

function folders() {
  return (process.env.PATH ?? '').split(':')
}

function onPath(name) {
  return folders().some((folder) => existsSync(join(folder, name)))
}

function findChromium() {
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  return process.env.MILLRACE_CHROMIUM ?? folders().flatMap((folder) => names.map((name) => join(folder, name))).find((file) => existsSync(file))
}
