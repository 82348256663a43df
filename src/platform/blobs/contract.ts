import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Blobs } from './port.ts'

async function* chunks(...parts: readonly string[]): AsyncIterable<Uint8Array> {
  for (const part of parts) yield Promise.resolve(Buffer.from(part))
}

async function* failing(): AsyncIterable<Uint8Array> {
  yield Promise.resolve(Buffer.from('half of'))
  throw new Error('the sender is gone')
}

async function read(blobs: Blobs, key: string): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of (await blobs.get(key)).body) parts.push(part as Uint8Array)
  return Buffer.concat(parts).toString()
}

const REFUSED = ['', '/', '/etc/passwd', '..', '../x', 'a/../b', 'a/..', './a', 'a/./b', 'a//b', 'a/', '\\x', 'a\\..\\b', 'C:/x', 'file:/etc/passwd', 'a\0b', 'a\nb', 'x'.repeat(256), 'ab/'.repeat(400) + 'x']

/** What every driver of the blob port promises. `open` gives an empty store. */
export function blobContract(driver: string, open: () => Promise<Blobs>): void {
  test(`${driver}: what was put comes back, from bytes and from a stream`, async () => {
    const blobs = await open()
    assert.deepEqual(await blobs.put('a/b.txt', Buffer.from('bytes')), { size: 5 })
    assert.deepEqual(await blobs.put('a/ü ☂.txt', chunks('a ', 'stream', '')), { size: 8 })
    await blobs.put('empty', new Uint8Array())
    assert.equal(await read(blobs, 'a/b.txt'), 'bytes')
    assert.equal(await read(blobs, 'a/ü ☂.txt'), 'a stream')
    assert.equal(await read(blobs, 'empty'), '')
    assert.equal((await blobs.get('a/b.txt').then((b) => (b.body.destroy(), b))).size, 5)
  })

  test(`${driver}: a put replaces the whole; a reader keeps what it opened`, async () => {
    const blobs = await open()
    await blobs.put('k', Buffer.from('the first, longer content'))
    const opened = await blobs.get('k')
    await blobs.put('k', Buffer.from('second'))
    const parts: Uint8Array[] = []
    for await (const part of opened.body) parts.push(part as Uint8Array)
    assert.equal(Buffer.concat(parts).toString(), 'the first, longer content')
    assert.equal(await read(blobs, 'k'), 'second')
  })

  test(`${driver}: a put whose source fails leaves the old content and nothing else`, async () => {
    const blobs = await open()
    await blobs.put('folder/k', Buffer.from('old'))
    await assert.rejects(blobs.put('folder/k', failing()), /the sender is gone/)
    await assert.rejects(blobs.put('folder/new', failing()), /the sender is gone/)
    assert.equal(await read(blobs, 'folder/k'), 'old')
    assert.deepEqual(await blobs.list('folder'), [{ name: 'k', folder: false, size: 3 }])
    assert.deepEqual(await blobs.list(''), [{ name: 'folder', folder: true }])
  })

  test(`${driver}: a folder lists its immediate children in order; what is missing has none`, async () => {
    const blobs = await open()
    for (const key of ['d/b', 'd/a', 'd/sub/deep/x', 'other']) await blobs.put(key, Buffer.from('1'))
    assert.deepEqual(await blobs.list('d'), [
      { name: 'a', folder: false, size: 1 },
      { name: 'b', folder: false, size: 1 },
      { name: 'sub', folder: true },
    ])
    assert.deepEqual(await blobs.list('nowhere'), [])
    assert.deepEqual(await blobs.list('other'), [])
    assert.deepEqual(await blobs.stat('d'), { name: 'd', folder: true })
    assert.deepEqual(await blobs.stat('d/a'), { name: 'a', folder: false, size: 1 })
    assert.equal(await blobs.stat('d/zzz'), undefined)
    assert.equal(await blobs.stat('d/a/below'), undefined)
  })

  test(`${driver}: a missing key and a folder are NOT_FOUND; a file is no folder and a folder no file`, async () => {
    const blobs = await open()
    await blobs.put('d/a', Buffer.from('1'))
    for (const key of ['x', 'd', 'd/a/b']) await assert.rejects(blobs.get(key), { code: 'NOT_FOUND' })
    await assert.rejects(blobs.put('d', Buffer.from('1')), { code: 'CONFLICT' })
    await assert.rejects(blobs.put('d/a/b', Buffer.from('1')), { code: 'CONFLICT' })
  })

  test(`${driver}: delete removes a file, or a folder with all below it, once or twice`, async () => {
    const blobs = await open()
    for (const key of ['d/a', 'd/sub/b', 'dd']) await blobs.put(key, Buffer.from('1'))
    await blobs.delete('d')
    await blobs.delete('d')
    await blobs.delete('dd/below')
    assert.deepEqual(await blobs.list(''), [{ name: 'dd', folder: false, size: 1 }])
  })

  test(`${driver}: every method refuses a key that could leave the root`, async () => {
    const blobs = await open()
    for (const key of REFUSED) {
      const expected = { code: 'PATH_OUTSIDE_ROOT' }
      await assert.rejects(async () => blobs.put(key, Buffer.from('1')), expected, `put ${key}`)
      await assert.rejects(async () => blobs.get(key), expected, `get ${key}`)
      await assert.rejects(async () => blobs.stat(key), expected, `stat ${key}`)
      await assert.rejects(async () => blobs.delete(key), expected, `delete ${key}`)
      if (key !== '') await assert.rejects(async () => blobs.list(key), expected, `list ${key}`)
    }
  })

  test(`${driver}: whatever the key, it is refused or holds what was put`, async () => {
    const blobs = await open()
    const part = fc.oneof(fc.constantFrom('..', '.', '', 'a', '%2e%2e', '...', '~', '-', 'a b'), fc.string({ maxLength: 6 }))
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 4 }), fc.string(), async (parts, content) => {
        const key = parts.join('/')
        try {
          await blobs.put(key, Buffer.from(content))
        } catch (error) {
          assert.ok(error instanceof Error && 'code' in error && (error.code === 'PATH_OUTSIDE_ROOT' || error.code === 'CONFLICT'), String(error))
          return
        }
        assert.ok(!parts.includes('..') && !parts.includes(''))
        assert.equal(await read(blobs, key), Buffer.from(content).toString())
        await blobs.delete(parts[0] ?? '')
      }),
      { numRuns: 60 },
    )
  })
}
