import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../lib/free-ports.ts'

const launcher = fileURLToPath(new URL('../../bin/millrace.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'millrace-bad-days-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function project(name: string, yaml: string): string {
  const path = join(folder, name)
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'millrace.yaml'), yaml)
  return path
}

interface Ended {
  readonly code: number | null
  readonly said: string
}

function millrace(cwd: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}, wrapper: readonly string[] = []): Ended {
  const [program = process.execPath, ...rest] = [...wrapper, process.execPath, launcher, ...args]
  const { status, stdout, stderr } = spawnSync(program, rest, { cwd, encoding: 'utf8', env: { ...process.env, ...environment }, timeout: 60_000 })
  return { code: status, said: `${stdout}${stderr}` }
}

/** Runs in a mount namespace of its own, after `mounts`: what is mounted there is seen by nobody else. Linux; unshare(1) of util-linux. */
const within = (mounts: string): readonly string[] => ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', `${mounts} && exec "$@"`, 'sh']

test('a port that is taken is named, with who holds it and how to choose another; the services that had started are stopped', async () => {
  const path = project('port', 'project: test\n')
  const ports = await freePorts()
  const blocker = createServer()
  await new Promise<void>((resolve) => blocker.listen(Number(ports.MILLRACE_FEATURES_PORT), '127.0.0.1', resolve))
  const { code, said } = await new Promise<Ended>((resolve) => setImmediate(() => resolve(millrace(path, ['up'], ports))))
  blocker.close()
  assert.equal(code, 69, said)
  assert.match(said, new RegExp(`SERVICE_FAILED: features did not start: PORT_TAKEN: port ${ports.MILLRACE_FEATURES_PORT} for features is taken by .*pid ${process.pid}.*MILLRACE_FEATURES_PORT`))
  assert.match(said, /tracking +stopped/)
})

const malformed: readonly (readonly [string, string, RegExp])[] = [
  ['a wrong type', 'project: test\nservices: {tracking: {port: many}}\n', /CONFIG_INVALID: .*millrace\.yaml:2: services\.tracking\.port: found "many", expected an integer/],
  ['an unknown key', 'project: test\nmonitor: []\n', /CONFIG_INVALID: .*millrace\.yaml:2: monitor: unknown key, expected one of .*monitors/],
  ['a wrong choice deep inside', 'project: test\nmonitors:\n  - model: m\n    drift: {numeric: magic}\n', /millrace\.yaml:4: monitors\[0\]\.drift\.numeric: found "magic", expected "wasserstein" or "psi"/],
  ['no YAML', 'project: [test\n', /CONFIG_INVALID: .*millrace\.yaml:\d+: /],
]
for (const [what, yaml, said] of malformed) {
  test(`millrace.yaml with ${what} is refused with file, line, key, what was found and what was expected`, () => {
    const ended = millrace(project('malformed', yaml), ['up'])
    assert.equal(ended.code, 78, ended.said)
    assert.match(ended.said, said)
  })
}

test('a folder that cannot be written is named', async () => {
  const path = project('read-only', 'project: test\n')
  const { code, said } = millrace(path, ['serve', 'tracking'], await freePorts(), within(`mount --bind ${path} ${path} && mount -o remount,ro,bind ${path}`))
  assert.equal(code, 73, said)
  assert.match(said, /NOT_WRITABLE: .*read-only.*\(EROFS/)
})

test('a full disk is named at the start', async () => {
  const path = project('full', 'project: test\n')
  const state = join(path, '.millrace')
  mkdirSync(state)
  const { code, said } = millrace(path, ['serve', 'tracking'], await freePorts(), within(`mount -t tmpfs -o size=16k tmpfs ${state}`))
  assert.equal(code, 74, said)
  assert.match(said, /DISK_FULL: .*no space is left on the device/)
})

test('outside of a project it is said how to make one', () => {
  const { code, said } = millrace(folder, ['up'])
  assert.equal(code, 66)
  assert.match(said, /NOT_FOUND: no millrace\.yaml in .* or above it; make a project with `millrace init`/)
})

const unreadable: readonly (readonly [string, string, RegExp])[] = [
  ['text', 'not a Parquet file', /DATA_UNREADABLE|CONTRACT_VIOLATED/],
  ['nothing', '', /DATA_UNREADABLE|CONTRACT_VIOLATED/],
]
for (const [what, content, expected] of unreadable) {
  test(`a Parquet file that holds ${what} is refused by name`, () => {
    const path = project('parquet', 'project: test\n')
    writeFileSync(join(path, 'bad.parquet'), content)
    const contract = fileURLToPath(new URL('../../examples/flights/contracts/flights.yaml', import.meta.url))
    const { code, said } = millrace(path, ['contract', 'check', contract, '--data', 'bad.parquet'])
    assert.equal(code, 65, said)
    assert.match(said, expected)
    assert.match(said, /bad\.parquet/)
  })
}

test('an unknown command, service or option is a mistake in usage', () => {
  for (const args of [['serv'], ['serve', 'nothing'], ['up', '--port']]) assert.equal(millrace(folder, args).code, 64, args.join(' '))
})
