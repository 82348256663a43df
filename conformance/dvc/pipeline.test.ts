import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { dvc, millrace, snapshot, twoProjects, type Side } from './sides.ts'

/** `dvc repro` and `millrace repro` on both; both succeed or both fail. Answers whether they did. */
function reproBoth(sides: readonly Side[], ...args: readonly string[]): boolean {
  const answers = sides.map((side) => side.run('repro', ...args))
  const [ours, theirs] = answers
  assert.equal(ours?.code === 0, theirs?.code === 0, JSON.stringify(answers))
  return ours?.code === 0
}

function sameTrees({ ours, theirs }: { readonly ours: Side; readonly theirs: Side }): void {
  assert.deepEqual(snapshot(ours.root), snapshot(theirs.root))
}

function sameStatus(sides: readonly Side[]): unknown {
  const [ours, theirs] = sides.map((side): unknown => JSON.parse(side.run('status', '--json').stdout))
  assert.deepEqual(ours, theirs)
  return ours
}

/** Each tool finds the other's work up to date and runs nothing. */
function nothingToDo({ ours, theirs }: { readonly ours: Side; readonly theirs: Side }): void {
  assert.equal(dvc(ours.root, 'status', '--json').stdout.trim(), '{}')
  assert.equal(millrace(theirs.root, 'data', 'status', '--json').stdout.trim(), '{}')
  const before = [ours, theirs].map((side) => snapshot(side.root))
  assert.doesNotMatch(dvc(ours.root, 'repro').stdout, /Running stage/)
  assert.match(millrace(theirs.root, 'repro').stdout, /nothing was run/)
  assert.deepEqual([ours, theirs].map((side) => snapshot(side.root)), before)
}

const KINDS = {
  'raw.txt': 'raw\n', 'd/a': '1\n', 'd/b': '2\n',
  'params.yaml': 'lr: 1e-5\ntrain:\n  epochs: 10\n  rate: 1.0\n  size: 7\nnames: [a, b]\nlist: [1, 2.5, yes, null, "1e3", "2020-01-01", "a: b"]\nbig: 1e16\nmodels:\n  us: {thresh: 10}\n  gb: {thresh: 15}\nwords: "it\'s"\n',
  'other.json': '{"x": {"y": 1.0, "z": [1, "é"]}, "w": null}', 'third.yaml': 'k: {b: 2, a: 1}\nj: x\n',
  'dvc.yaml': `vars:
- v: {flag: true, name: "it's", lst: [1, two]}
stages:
  prep:
    cmd: cp raw.txt clean.txt && cat d/a d/b >> clean.txt
    deps: [raw.txt, d]
    outs: [clean.txt]
  train:
    cmd:
    - mkdir -p model && cp clean.txt model/m.bin
    - echo '{"acc":0.9}' > metrics.json
    - printf 'x,y\\n1,2\\n' > plot.csv; printf '#!/bin/sh\\n' > exe; chmod +x exe
    - echo \${v} \${lr} this is a rather long command line that will be folded by the emitter at eighty columns ok
    deps: [clean.txt]
    params: [lr, train.epochs, train, list, big, {other.json: null}, {third.yaml: [k.a, j]}]
    outs: [model, exe]
    metrics: [{metrics.json: {cache: false}}]
    plots: [plot.csv: {x: x, y: y}]
  multi:
    cmd: |
      echo hello \${models.us.thresh}
      echo "two 'x'" > multi.txt
    desc: several lines
    outs: [multi.txt]
    params: [{other.json: [x, x.y]}]
  each:
    foreach: \${names}
    do:
      cmd: echo \${item} > \${item}.out
      outs: ["\${item}.out"]
  fd:
    foreach: \${models}
    do:
      cmd: echo \${key} \${item.thresh} > fd-\${key}.txt
      deps: [clean.txt]
      outs: ["fd-\${key}.txt": {push: false}]
  mat:
    matrix: {m: [cnn, rnn], n: [1, {a: 2}]}
    cmd: echo \${item.m} > mat-\${key}.txt
    outs: ["mat-\${key}.txt"]
  sub:
    wdir: d
    cmd: cat a b > ../sub.txt
    deps: [a, ./b, ../raw.txt]
    outs: [../sub.txt]
`,
}

test('a pipeline with every kind of stage: the same dvc.lock, outputs, cache, run cache and .gitignore', () => {
  const project = twoProjects(KINDS)
  assert.ok(reproBoth(project.sides))
  sameTrees(project)
  assert.deepEqual(snapshot(project.ours.path('.dvc/cache'), { modes: true }), snapshot(project.theirs.path('.dvc/cache'), { modes: true }))
  nothingToDo(project)
})

const TWO = {
  'in.txt': 'one\n', 'params.yaml': 'n: 1\nm: {k: 1.0}\n',
  'dvc.yaml': 'stages:\n  a:\n    cmd: cat in.txt > a.txt\n    deps: [in.txt]\n    outs: [a.txt]\n  b:\n    cmd: mkdir b && cat a.txt > b/x && echo "{}" > m.json\n    deps: [a.txt]\n    params: [n, m.k]\n    outs: [b]\n    metrics: [m.json: {cache: false}]\n',
}

test('changes of inputs, commands, parameters, outputs: the same status, and the same lock after the next repro', () => {
  const project = twoProjects(TWO)
  reproBoth(project.sides)
  const changes: readonly (readonly [string, (side: Side) => void])[] = [
    ['an input', (side) => side.write({ 'in.txt': 'two\n' })],
    ['an input that is gone', (side) => rmSync(side.path('a.txt'))],
    ['a command', (side) => side.write({ 'dvc.yaml': TWO['dvc.yaml'].replace('cat in.txt >', 'cat < in.txt >') })],
    ['a parameter', (side) => side.write({ 'params.yaml': 'n: 2\nm: {k: 1}\n' })],
    ['a parameter that is gone from the stage', (side) => side.write({ 'dvc.yaml': TWO['dvc.yaml'].replace('[n, m.k]', '[n]') })],
    ['an output', (side) => side.write({ 'b/x': 'spoilt' })],
    ['an output that is gone', (side) => rmSync(side.path('b'), { recursive: true })],
    ['a new stage', (side) => side.write({ 'dvc.yaml': `${TWO['dvc.yaml']}  c: {cmd: echo c > c.txt, deps: [b], outs: [c.txt]}\n` })],
  ]
  for (const [what, change] of changes) {
    project.sides.forEach(change)
    const status = sameStatus(project.sides)
    assert.notDeepEqual(status, {}, what)
    assert.ok(reproBoth(project.sides), what)
    sameTrees(project)
  }
  nothingToDo(project)
})

test('the run cache: what one tool has run, the other restores', () => {
  for (const [first, second] of [['dvc', 'millrace'], ['millrace', 'dvc']] as const) {
    const { ours } = twoProjects({ ...TWO, 'dvc.yaml': TWO['dvc.yaml'].replace('cmd: cat', 'cmd: echo >> runs; cat') })
    const tool = (name: string) => (name === 'dvc' ? dvc(ours.root, 'repro') : millrace(ours.root, 'repro'))
    assert.equal(tool(first).code, 0)
    const lock = ours.read('dvc.lock')
    for (const name of ['dvc.lock', 'a.txt', 'b', 'm.json']) rmSync(ours.path(name), { recursive: true })
    assert.equal(tool(second).code, 0)
    assert.equal(ours.read('dvc.lock'), lock)
    assert.equal(ours.read('runs'), '\n', `${second} restored what ${first} had run`)
    assert.equal(ours.read('b/x'), 'one\n')
  }
})

test('a lock that was lost is written again; one of another order or with comments keeps them', () => {
  const project = twoProjects(TWO)
  reproBoth(project.sides)
  for (const side of project.sides) rmSync(side.path('dvc.lock'))
  reproBoth(project.sides)
  sameTrees(project)
  for (const side of project.sides) {
    const lock = side.read('dvc.lock')
    const [head = '', a = '', b = ''] = lock.split(/^(?= {2}[ab]:)/m)
    side.write({ 'dvc.lock': `# ours\n${head}${b}${a}`, 'in.txt': 'three\n' })
  }
  reproBoth(project.sides)
  assert.equal(project.ours.read('dvc.lock'), project.theirs.read('dvc.lock'))
})

test('frozen, always changed and persistent: the same result', () => {
  const project = twoProjects({
    'in.txt': '1\n', o: 'by hand\n',
    'dvc.yaml': 'stages:\n  f: {cmd: exit 1, deps: [in.txt], outs: [o], frozen: true}\n  w: {cmd: echo, always_changed: true, outs: [p: {persist: true, cache: false}]}\n'.replace('cmd: echo,', 'cmd: echo x >> p,'),
  })
  reproBoth(project.sides)
  reproBoth(project.sides)
  sameTrees(project)
  assert.deepEqual(sameStatus(project.sides), { w: ['always changed'] })
})

test('data that a pipeline reads: added again when changed; a folder and an output as inputs', () => {
  const project = twoProjects({ 'raw/a.csv': '1\n', 'raw/b.csv': '2\n', 'dvc.yaml': 'stages:\n  s: {cmd: cat raw/*.csv > all.csv, deps: [raw], outs: [all.csv]}\n  t: {cmd: cat raw/a.csv all.csv > t.csv, deps: [raw/a.csv, all.csv], outs: [t.csv]}\n' })
  for (const side of project.sides) assert.equal(side.run('add', 'raw').code, 0)
  reproBoth(project.sides)
  sameTrees(project)
  for (const side of project.sides) side.write({ 'raw/c.csv': '3\n' })
  sameStatus(project.sides)
  reproBoth(project.sides)
  sameTrees(project)
  nothingToDo(project)
})

test('what DVC refuses is refused: circles, double outputs, templates without value, failing commands, missing inputs and outputs', () => {
  const bad: readonly string[] = [
    '  a: {cmd: c, deps: [y], outs: [x]}\n  b: {cmd: c, deps: [x], outs: [y]}\n',
    '  a: {cmd: echo > x, outs: [x]}\n  b: {cmd: echo > x, outs: [x]}\n',
    '  a: {cmd: mkdir d, outs: [d]}\n  b: {cmd: echo > d/x, outs: [d/x]}\n',
    '  a: {cmd: "echo ${no.such}"}\n',
    '  a: {cmd: "echo ${l}"}\n',
    '  a: {cmd: echo, outs: ["${m}"]}\n',
    '  a: {cmd: exit 3}\n',
    '  a: {cmd: echo, deps: [gone]}\n',
    '  a: {cmd: echo, outs: [never]}\n',
    '  a: {cmd: echo, params: [gone]}\n',
    '  a: {cmd: echo, unknown: 1}\n',
    '  a: {deps: [x]}\n',
    '  a: {foreach: 3, do: {cmd: echo}}\n',
    '  a: {cmd: echo, wdir: nowhere}\n',
    '  a: {cmd: echo, deps: [x], outs: [x]}\n',
    '  a: {cmd: echo, outs: [../out]}\n',
  ]
  for (const stages of bad) {
    const project = twoProjects({ 'dvc.yaml': `stages:\n${stages}`, 'params.yaml': 'l: [1]\nm: {a: 1}\n' })
    assert.ok(!reproBoth(project.sides), stages)
  }
})

test('targets, --force and --single-item choose the same stages', () => {
  const project = twoProjects({ ...TWO, 'dvc.yaml': TWO['dvc.yaml'].replace('cmd: cat', 'cmd: echo a >> ran; cat').replace('cmd: mkdir', 'cmd: echo b >> ran; mkdir') })
  for (const args of [['a'], ['b'], ['--force', 'a'], ['--force'], ['--single-item', 'b']]) {
    for (const side of project.sides) side.write({ 'in.txt': args.join(' ') })
    reproBoth(project.sides, ...args)
    sameTrees(project)
  }
  assert.ok(readdirSync(project.ours.path('.dvc/cache/runs')).length > 0)
})
