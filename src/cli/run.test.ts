import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { COMMANDS } from './commands.ts'
import { environmentWarnings } from './environment.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

function millrace(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const options = { cwd: tmpdir(), env: { ...process.env, ...environment } }
    execFile(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], options, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }))
  })
}

const mistakes: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['a command that does not exist', ['trian'], /^millrace: USAGE: unknown command 'trian'\n\(Did you mean train\?\)\n/],
  ['an option that does not exist', ['train', '--fetures', 'x'], /^millrace: USAGE: unknown option '--fetures'\n\(Did you mean --features\?\)\n/],
  ['an option without its value', ['train', '--model'], /^millrace: USAGE: option '--model <folder>' argument missing\n/],
  ['a service that does not exist', ['serve', 'everything'], /^millrace: USAGE: command-argument value 'everything' is invalid for argument 'service'\. Allowed choices are gateway, /],
  ['an event type that does not exist', ['events', 'tail', '-t', 'run.finished,nothing'], /^millrace: USAGE: --types: found "nothing", expected one of access\.denied, .*, run\.finished\n$/],
]
for (const [what, args, message] of mistakes) {
  test(`${what} is a usage error like every other error`, async () => {
    const { code, stdout, stderr } = await millrace(args)
    assert.match(stderr, message)
    assert.deepEqual([code, stdout], [64, ''])
  })
}

test('the help names every command, and is no error', async () => {
  const { code, stdout, stderr } = await millrace(['--help'])
  for (const name of Object.keys(COMMANDS)) assert.match(stdout, new RegExp(`^  ${name}\\b`, 'm'))
  assert.deepEqual([code, stderr], [0, ''])
})

test('the help, and so the start of every command, loads no library but the one that reads the command line', async () => {
  const hook = `import { registerHooks } from 'node:module'
registerHooks({ load: (url, context, next) => {
  if (/node_modules\\/(?!commander\\/)/.test(url)) throw new Error('loaded too early: ' + url)
  return next(url, context)
} })`
  const { code, stderr } = await millrace(['--help'], { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(hook)}` })
  assert.deepEqual([code, stderr], [0, ''])
})

test('every variable that the source reads is known', async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const read = new Set<string>()
  for (const file of globSync('{src,sdk,conformance,bench,scripts}/**/*.{ts,mjs}', { cwd: root })) {
    for (const [, name = ''] of readFileSync(join(root, file), 'utf8').matchAll(/\benv(?:\.|\[')(MILLRACE_\w+)/g)) read.add(name)
  }
  assert.ok(read.has('MILLRACE_LOG_LEVEL'))
  assert.deepEqual(await environmentWarnings(Object.fromEntries([...read].map((name) => [name, '1']))), [])
})

test('a variable that nothing reads is told with the one that was probably meant; those that are read are not', async () => {
  assert.deepEqual(await environmentWarnings({ MILLRACE_TRAKING_PORT: '1', MILLRACE_TRACKING_PORT: '1', MILLRACE_LOG_LEVEL: 'info', MILLRACE_STORAGE_DATABASE: 'sqlite', HOME: '/' }), [
    'environment variable MILLRACE_TRAKING_PORT is not one that Millrace knows, and is ignored; the nearest that it knows is MILLRACE_TRACKING_PORT',
  ])
  const outside = ['contract', 'validate', 'nothing.yaml']
  assert.match((await millrace(outside, { MILLRACE_PORT_TRACKING: '1' })).stderr, /^millrace: warning: environment variable MILLRACE_PORT_TRACKING .*\nmillrace: NOT_FOUND: /)
  assert.match((await millrace(outside, { MILLRACE_PORT_TRACKING: '1', DVC_STAGE: 'validate' })).stderr, /^millrace: NOT_FOUND: /)
})
