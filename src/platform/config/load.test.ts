import assert from 'node:assert/strict'
import { test } from 'node:test'
import { baseConfigSchema, parseConfig } from './index.ts'

const parse = (text: string, environment = {}) => parseConfig(baseConfigSchema, text, 'millrace.yaml', environment)

test('what is left out gets its default, at every level', () => {
  const config = parse('project: flights\n')
  assert.equal(config.services.tracking.port, 5000)
  assert.equal(config.services.tracking.host, '127.0.0.1')
  assert.equal(config.storage.folder, '.millrace')
  assert.equal(config.clock, 'wall')
  assert.equal('url' in config.services.tracking, false)
})

test('an environment variable overrides a key', () => {
  const config = parse('project: flights\nservices:\n  tracking:\n    port: 5001\n', { MILLRACE_TRACKING_PORT: '5002', MILLRACE_STORAGE_FOLDER: '/data' })
  assert.equal(config.services.tracking.port, 5002)
  assert.equal(config.storage.folder, '/data')
})

const refused: readonly (readonly [string, string, Record<string, string>, RegExp])[] = [
  ['a value of the wrong type', 'project: flights\nservices:\n  tracking:\n    port: many\n', {}, /^millrace\.yaml:4: services\.tracking\.port: found "many", expected an integer ≥ 1 and ≤ 65535 \(Port to listen on\)$/],
  ['a value out of range', 'project: flights\nservices:\n  tracking: {port: 70000}\n', {}, /^millrace\.yaml:3: services\.tracking\.port: found 70000, expected an integer/],
  ['an unknown key', 'project: flights\nstorrage: {}\n', {}, /^millrace\.yaml:2: storrage: unknown key, expected one of project, clock, durability, storage, http, tracking, services$/],
  ['a missing key', 'durability: power\n', {}, /^millrace\.yaml:1: project: is missing, expected a string/],
  ['a choice that does not exist', 'project: flights\ndurability: none\n', {}, /^millrace\.yaml:2: durability: found "none", expected "process" or "power"$/],
  ['YAML that is not YAML', 'project: [flights\n', {}, /^millrace\.yaml:\d+: /],
  ['a list for the file', '- a\n', {}, /^millrace\.yaml:1: found a list, expected a mapping$/],
  ['an environment variable', 'project: flights\n', { MILLRACE_TRACKING_PORT: 'x' }, /^environment variable MILLRACE_TRACKING_PORT: services\.tracking\.port: found "x", expected an integer/],
]
for (const [what, text, environment, message] of refused) {
  test(`${what} is refused with its place, what was found and what was expected`, () => {
    assert.throws(() => parse(text, environment), { code: 'CONFIG_INVALID', message })
  })
}

test('a database address with a password never appears in an error', () => {
  assert.throws(
    () => parse('project: flights\nstorage: {database: "mysql://me:hunter2@host/db"}\n'),
    (error: Error) => !error.message.includes('hunter2'),
  )
})
