import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { RotatingFile } from './rotating-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-rotating-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const line = (n: number): Buffer => Buffer.from(`line ${String(n).padStart(3, '0')}\n`)

test('a file that is large is put aside, so many are kept, and no line is cut or lost between them', () => {
  const path = join(folder, 'a.log')
  const file = new RotatingFile(path, { bytes: 90, keep: 2 })
  for (let n = 0; n < 35; n++) file.append(line(n))
  file.close()
  assert.deepEqual(readdirSync(folder).sort(), ['a.log', 'a.log.1', 'a.log.2'])
  const kept = [`${path}.2`, `${path}.1`, path].map((name) => readFileSync(name, 'utf8')).join('')
  assert.equal(kept, Array.from({ length: 25 }, (_, i) => line(i + 10).toString()).join(''))
})

test('what comes in pieces is put aside at the end of a line', () => {
  const path = join(folder, 'pieces.log')
  const file = new RotatingFile(path, { bytes: 20, keep: 1 })
  for (const piece of ['0123456789\n0123456789 and', ' more\nnext\n', 'last\n']) file.append(Buffer.from(piece))
  file.close()
  assert.deepEqual([readFileSync(`${path}.1`, 'utf8'), readFileSync(path, 'utf8')], ['0123456789\n0123456789 and more\n', 'next\nlast\n'])
})

test('a line without end does not grow for ever', () => {
  const path = join(folder, 'endless.log')
  const file = new RotatingFile(path, { bytes: 10, keep: 1 })
  for (let n = 0; n < 100; n++) file.append(Buffer.from('xxxx'))
  file.close()
  assert.equal(existsSync(`${path}.2`), false)
  for (const name of [path, `${path}.1`]) assert.ok(readFileSync(name).length <= 24)
})

test('a file of an earlier start is gone on with', () => {
  const path = join(folder, 'again.log')
  for (let n = 0; n < 3; n++) {
    const file = new RotatingFile(path, { bytes: 1000, keep: 1 })
    file.append(line(n))
    file.close()
  }
  assert.equal(readFileSync(path, 'utf8'), [0, 1, 2].map((n) => line(n).toString()).join(''))
})
