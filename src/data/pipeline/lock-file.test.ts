import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { MillraceError } from '../../platform/errors/index.ts'
import { isPyMap, PyFloat, toPy, type PyMap } from '../versioning/formats/py-value.ts'
import { temporaryFolder } from '../versioning/testing.ts'
import { LockFile, type LockEntry } from './lock-file.ts'

const fixture = readFileSync(new URL('fixtures/project/dvc.lock', import.meta.url), 'utf8')

function lockOf(text: string): { readonly file: string; readonly lock: LockFile } {
  const file = join(temporaryFolder(), 'dvc.lock')
  if (text !== '') writeFileSync(file, text)
  return { file, lock: new LockFile(file, 'dvc.lock') }
}

const STAGES = ['prep', 'train', 'multi', 'each@a', 'each@b', 'fd@us', 'fd@gb', 'mat@cnn-1', 'mat@cnn-n1', 'mat@rnn-1', 'mat@rnn-n1', 'always']

function entriesOf(lock: LockFile): readonly (readonly [string, LockEntry])[] {
  return STAGES.map((stage) => {
    const entry = lock.get(stage)
    assert.ok(entry, stage)
    return [stage, entry]
  })
}

test('a lock of DVC, written stage by stage, comes out byte for byte, in whatever order it is then rewritten', () => {
  const entries = entriesOf(lockOf(fixture).lock)
  fc.assert(
    fc.property(fc.shuffledSubarray([...entries], { minLength: entries.length }), (shuffled) => {
      const { file, lock } = lockOf('')
      for (const [stage, entry] of entries) lock.set(stage, { ...entry, cmd: 'before' })
      for (const [stage, entry] of shuffled) lock.set(stage, entry)
      assert.equal(readFileSync(file, 'utf8'), fixture)
    }),
    { numRuns: 3 },
  )
})

test('what is the same is not written again', () => {
  const { lock, file } = lockOf('')
  const entry: LockEntry = { cmd: 'c', deps: [], params: new Map([['params.yaml', new Map([['a', 1]])]]), outs: [] }
  assert.ok(lock.set('s', entry))
  assert.ok(!lock.set('s', { ...entry, params: new Map([['params.yaml', new Map([['a', new PyFloat(1)]])]]) }))
  assert.ok(!new LockFile(file, 'dvc.lock').set('s', entry))
  assert.ok(lock.set('s', { ...entry, cmd: ['c'] }))
})

test('comments and other stages stay as they are, whatever their layout', () => {
  const text = `# made by hand\nschema: '2.0'\nstages:\n  a:   # first\n    cmd: "x"\n\n  # about b\n  b:\n    cmd: y\n# end\n`
  const { lock, file } = lockOf(text)
  lock.set('b', { cmd: 'z', deps: [], params: new Map(), outs: [] })
  assert.equal(readFileSync(file, 'utf8'), text.replace('cmd: y', 'cmd: z'))
  lock.set('c', { cmd: 'w', deps: [], params: new Map(), outs: [] })
  assert.equal(readFileSync(file, 'utf8'), text.replace('cmd: y', 'cmd: z').replace('# end\n', '  c:\n    cmd: w\n# end\n'))
})

test('a lock without stages, or in flow style, gets DVC’s layout', () => {
  for (const text of ["schema: '2.0'\n", "schema: '2.0'\nstages: {}\n", "{schema: '2.0', stages: {}}\n"]) {
    const { lock, file } = lockOf(text)
    lock.set('s', { cmd: 'c', deps: [], params: new Map(), outs: [] })
    assert.equal(readFileSync(file, 'utf8'), "schema: '2.0'\nstages:\n  s:\n    cmd: c\n")
  }
})

function toPyMap(value: Readonly<Record<string, unknown>>): PyMap {
  const map = toPy(value)
  assert.ok(isPyMap(map))
  return map
}

test('params.yaml comes first, other files by name; keys, deps and outs are sorted', () => {
  const { lock, file } = lockOf('')
  const item = (name: string) => ({ name, oid: '0'.repeat(32), size: 1 })
  lock.set('s', { cmd: 'c', deps: [item('b'), item('a')], outs: [], params: new Map([['a.yaml', toPyMap({ k: 1 })], ['params.yaml', toPyMap({ z: 1, a: new PyFloat(2) })]]) })
  const keys = [...readFileSync(file, 'utf8').matchAll(/^ +(?:- path: )?([\w.]+)(?=:| *$)/gm)].map((match) => match[1])
  assert.deepEqual(keys.filter((key) => ['a', 'b', 'z', 'k', 'params.yaml', 'a.yaml'].includes(key ?? '')), ['a', 'b', 'params.yaml', 'a', 'z', 'a.yaml', 'k'])
})

test('a malformed lock is refused with its line, and left alone', () => {
  for (const [text, message] of [["schema: '1.0'\n", /dvc\.lock:1: schema/], ["schema: '2.0'\nstages:\n  s: {deps: []}\n", /stages\.s.*cmd/], ['a: [\n', /not YAML/]] as const) {
    assert.throws(() => lockOf(text), (error) => error instanceof MillraceError && error.code === 'DVC_FILE_INVALID' && message.test(error.message))
  }
  assert.ok(!existsSync(lockOf('').file))
})
