import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MillraceError } from '../../platform/errors/index.ts'
import { temporaryProject } from '../versioning/testing.ts'
import { parseParamChange, setParams } from './set-params.ts'

function set(before: string, ...changes: readonly string[]): string {
  const project = temporaryProject(before === '' ? {} : { 'params.yaml': before })
  setParams(project, changes.map(parseParamChange))
  return existsSync(join(project.root, 'params.yaml')) ? readFileSync(join(project.root, 'params.yaml'), 'utf8') : ''
}

const YAML = '# ours\ntrain:\n  sample: 1.0   # share\n  trees: 200\n\nother: [1, 2] # keep\n'

test('only the value changes: comments, blank lines and order stay', () => {
  assert.equal(set(YAML, 'train.sample=0.1'), YAML.replace('1.0', '0.1'))
  assert.equal(set(YAML, 'train.trees=50', 'train.sample=1'), YAML.replace('200', '50').replace('1.0', '1'))
  assert.equal(set(YAML, 'train.sample=1.0'), YAML)
})

test('new keys and files are made', () => {
  assert.equal(set(YAML, 'train.shuffle=true'), YAML.replace('200\n', '200\n  shuffle: true\n'))
  assert.equal(set(YAML, 'a.b.c=x'), `${YAML}a:\n  b:\n    c: x\n`)
  assert.equal(set('', 'a.b=1e-5'), 'a:\n  b: 1e-05\n')
})

test('values are YAML: quotes make a string, brackets a list, nothing is null', () => {
  assert.equal(set('', 'a="1"', 'b=[1, two]', 'c=', 'd=x=y'), "a: '1'\nb:\n- 1\n- two\nc:\nd: x=y\n")
})

test('what is no change is refused', () => {
  assert.throws(() => parseParamChange('nonsense'), (error) => error instanceof MillraceError && error.code === 'USAGE')
  assert.throws(() => set('a: 1\n', 'a.b=2'), (error) => error instanceof MillraceError && error.code === 'DVC_FILE_INVALID' && /params\.yaml:1: a is a single value/.test(error.message))
  assert.throws(() => set('', '../out.yaml:a=1'), (error) => error instanceof MillraceError && error.code === 'DVC_PATH_INVALID')
})
