import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { blobContract } from './contract.ts'
import { fileBlobs, memoryBlobs } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-blobs-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let roots = 0
const newRoot = () => join(folder, `root-${++roots}`)

blobContract('memory', () => Promise.resolve(memoryBlobs()))
blobContract('file system', () => Promise.resolve(fileBlobs(newRoot())))

test('file system: a symbolic link out of the root is not followed, neither to read nor to write nor to delete', async () => {
  const root = newRoot()
  const outside = newRoot()
  mkdirSync(outside)
  writeFileSync(join(outside, 'secret'), 'secret')
  const blobs = fileBlobs(root)
  symlinkSync(outside, join(root, 'link'))
  symlinkSync(join(outside, 'secret'), join(root, 'file'))
  for (const attempt of [
    () => blobs.get('link/secret'),
    () => blobs.get('file'),
    () => blobs.put('link/x', Buffer.from('1')),
    () => blobs.delete('link/secret'),
    () => blobs.list('link'),
  ]) {
    await assert.rejects(async () => attempt(), { code: 'PATH_OUTSIDE_ROOT' })
  }
  assert.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'secret')
  assert.deepEqual(readdirSync(outside), ['secret'])
})

test('file system: what a killed process left unfinished is gone after the next start', async () => {
  const root = newRoot()
  const blobs = fileBlobs(root)
  await blobs.put('kept', Buffer.from('1'))
  writeFileSync(join(root, '.incoming', 'half'), 'half')
  const again = fileBlobs(root)
  assert.deepEqual(readdirSync(join(root, '.incoming')), [])
  assert.equal((await again.list('')).length, 1)
  await assert.rejects(again.get('.incoming/half'), { code: 'PATH_OUTSIDE_ROOT' })
})
