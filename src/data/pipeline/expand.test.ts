import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MillraceError } from '../../platform/errors/index.ts'
import { temporaryFolder, writeFiles } from '../versioning/testing.ts'
import { pyJson } from '../versioning/formats/py-json.ts'
import { readYaml } from '../versioning/formats/yaml-read.ts'
import { expandStages } from './expand.ts'

function expand(text: string, files: Readonly<Record<string, string>> = {}, parsing = { bool: 'store_true', list: 'nargs' }): Readonly<Record<string, unknown>> {
  const root = temporaryFolder()
  writeFiles(root, files)
  return Object.fromEntries(expandStages(readYaml(text, 'dvc.yaml'), root, '', parsing).map(({ name, data }) => [name, JSON.parse(pyJson(data))]))
}

function fails(text: string, message: RegExp, files: Readonly<Record<string, string>> = {}): void {
  assert.throws(() => expand(text, files), (error) => {
    assert.ok(error instanceof MillraceError && error.code === 'DVC_FILE_INVALID', String(error))
    assert.match(error.message, message)
    return true
  })
}

test('templates take values of params.yaml and vars, with their type where they stand alone', () => {
  const stages = expand('vars: [{out: {dir: o}}, other.yaml]\nstages:\n  s:\n    cmd: run ${a.b} ${ list[1] } ${flag} ${none} \\${HOME} ${name}\n    frozen: false\n    outs: ["${out.dir}/x"]\n', {
    'params.yaml': 'a: {b: 1e-5}\nlist: [1, two]\nflag: true\nnone: null\n', 'other.yaml': 'name: n\n',
  })
  assert.deepEqual(stages, { s: { cmd: 'run 1e-05 two true None ${HOME} n', frozen: false, outs: ['o/x'] } })
})

test('a mapping becomes command-line arguments', () => {
  const files = { 'params.yaml': "m: {lr: 1e-5, flag: true, off: false, name: it's, lst: [1, two], sub: {deep: 2.0}}\n" }
  const text = 'stages: {s: {cmd: "run ${m}"}}'
  assert.deepEqual(expand(text, files), { s: { cmd: `run --lr 1e-05 --flag --name 'it'"'"'s' --lst 1 two --sub.deep 2.0` } })
  assert.deepEqual(expand(text, files, { bool: 'boolean_optional', list: 'append' }), { s: { cmd: `run --lr 1e-05 --flag --no-off --name 'it'"'"'s' --lst 1 --lst two --sub.deep 2.0` } })
})

test('foreach names stages by item, by index where items are composite, by key in a mapping', () => {
  const stages = expand('stages:\n  a: {foreach: [x, 1.5], do: {cmd: "c ${item}"}}\n  b: {foreach: [{p: 1}, {p: 2}], do: {cmd: "c ${item.p}"}}\n  d: {foreach: "${m}", do: {cmd: "c ${key} ${item}"}}\n', { 'params.yaml': 'm: {us: 1, 7: 2}\n' })
  assert.deepEqual(Object.entries(stages).map(([name, data]) => [name, Object.values(Object(data))[0]]), [
    ['a@x', 'c x'], ['a@1.5', 'c 1.5'], ['b@0', 'c 1'], ['b@1', 'c 2'], ['d@us', 'c us 1'], ['d@7', 'c 7 2'],
  ])
})

test('matrix makes every combination, the last axis fastest', () => {
  const stages = expand('stages:\n  m:\n    matrix: {model: [cnn, rnn], n: [1.5, {deep: 2}]}\n    cmd: c ${item.model} ${key}\n')
  assert.deepEqual(Object.keys(stages), ['m@cnn-1.5', 'm@cnn-n1', 'm@rnn-1.5', 'm@rnn-n1'])
  assert.deepEqual(stages['m@rnn-n1'], { cmd: 'c rnn rnn-n1' })
})

test('a stage’s own vars hold for it alone, and its wdir counts for them', () => {
  const stages = expand('stages:\n  a: {cmd: "c ${v}", vars: [{v: 1}]}\n  b: {cmd: "c ${v}", wdir: sub, vars: [p.yaml]}\n', { 'sub/p.yaml': 'v: 2\n' })
  assert.deepEqual(stages, { a: { cmd: 'c 1' }, b: { cmd: 'c 2', wdir: 'sub' } })
})

test('mistakes are told with file, line and key', () => {
  fails('stages:\n  s:\n    cmd: c ${no.such}\n', /^dvc\.yaml:3: stages\.s\.cmd: \$\{no\.such\}: there is no no\.such/)
  fails('stages:\n  s:\n    cmd: c ${a..b}\n', /\$\{a\.\.b\} is not a path/)
  fails('stages:\n  s:\n    cmd: c\n    outs: ["${l}"]\n', /stages\.s\.outs: \$\{l\} is a list; expected a single value/, { 'params.yaml': 'l: [1]\n' })
  fails('stages:\n  s:\n    cmd: c\n    outs:\n    - x: {cahce: false}\n', /^dvc\.yaml:5: stages\.s\.outs\.0\.x\.cahce: unknown key/)
  fails('stages:\n  s:\n    deps: [a]\n', /stages\.s.*cmd/)
  fails('stages:\n  s: {foreach: 3, do: {cmd: c}}\n', /stages\.s\.foreach/)
  fails('stages:\n  s: {foreach: "${x}", do: {cmd: c}}\n', /foreach: a integer|expected a list or a mapping/, { 'params.yaml': 'x: 3\n' })
  fails('stagse: {}\n', /stagse: unknown key/)
  fails('vars: [{a: 1}, {a: 2}]\nstages: {}\n', /a of dvc\.yaml:1 vars\[1\] is set already in dvc\.yaml:1 vars\[0\]/)
  fails('vars: [{a: {b: 1}}]\nstages: {}\n', /a\.b of .* is set already in params\.yaml/, { 'params.yaml': 'a: {b: 2}\n' })
  fails('vars: [gone.yaml]\nstages: {}\n', /gone\.yaml does not exist/)
})
