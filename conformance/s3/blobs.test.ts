import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { blobContract } from '../../src/platform/blobs/contract.ts'
import { type Blobs, openS3Blobs } from '../../src/platform/blobs/index.ts'
import { type MotoServer, startMoto } from '../lib/moto.ts'

let server: MotoServer
before(async () => {
  server = await startMoto()
  await server.bucket('blobs')
})
after(() => server.stop())

let prefixes = 0
const open = (prefix = `a/prefix-${++prefixes}`): Promise<Blobs> => openS3Blobs({ bucket: 'blobs', prefix }, withCredentials())

/** The SDK reads credentials from the environment of the process. */
function withCredentials(): Readonly<Record<string, string>> {
  Object.assign(process.env, server.environment)
  return server.environment
}

blobContract('S3', open)

const direct = (blobs: Blobs) => blobs.direct ?? assert.fail('an S3 store gives direct access')
const read = async (blobs: Blobs, key: string) => Buffer.concat(await (await blobs.get(key)).body.toArray())
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

test('a store sees nothing beside its prefix, and deletes nothing there', async () => {
  const [all, one, other] = [await open(''), await open('one'), await open('one-more')]
  await one.put('x', Buffer.from('1'))
  await other.put('x', Buffer.from('2'))
  assert.deepEqual(await one.list(''), [{ name: 'x', folder: false, size: 1 }])
  await one.delete('x')
  assert.equal((await read(other, 'x')).toString(), '2')
  assert.deepEqual(await all.stat('one'), undefined)
  assert.deepEqual(await all.stat('one-more'), { name: 'one-more', folder: true })
})

test('a folder of more entries than a page lists and deletes whole', async () => {
  const blobs = await open('pages')
  // Straight to moto, which is slow.
  await Promise.all(Array.from({ length: 8 }, async (_, who) => {
    for (let i = who; i < 1100; i += 8) await (await fetch(`${server.url}/blobs/pages/d/${i}`, { method: 'PUT', body: String(i) })).arrayBuffer()
  }))
  assert.equal((await blobs.list('d')).length, 1100)
  await blobs.delete('d')
  assert.deepEqual(await blobs.list(''), [])
})

test('what is longer than a part comes back; one that breaks off leaves no object and no unfinished upload', async () => {
  const blobs = await open()
  const part = randomBytes(7 * 1024 * 1024)
  const content = async function* (times: number, fails = false): AsyncIterable<Uint8Array> {
    for (let i = 0; i < times; i++) yield Promise.resolve(part)
    if (fails) throw new Error('the sender is gone')
  }
  assert.deepEqual(await blobs.put('long', content(6)), { size: 6 * part.length })
  assert.equal(sha(await read(blobs, 'long')), sha(Buffer.concat(Array.from({ length: 6 }, () => part))))
  await assert.rejects(blobs.put('broken', content(6, true)), /the sender is gone/)
  assert.equal(await blobs.stat('broken'), undefined)
  assert.equal(await direct(blobs).abandonParts(new Date(Date.now() + 60_000)), 0)
})

test('addresses that were signed read and write one key, without credentials', async () => {
  const blobs = await open()
  const put = await direct(blobs).signPut('d/ü 1%.html', 60)
  const written = await fetch(put.url, { method: 'PUT', body: '<script>', headers: put.headers })
  assert.equal(written.status, 200)
  const get = await direct(blobs).signGet('d/ü 1%.html', 60)
  const answer = await fetch(get.url, { headers: get.headers })
  assert.equal(await answer.text(), '<script>')
  assert.equal(get.size, 8)
  assert.equal(answer.headers.get('content-disposition'), "attachment; filename*=UTF-8''%C3%BC%201%25.html")
  assert.equal(answer.headers.get('content-type'), 'application/octet-stream')
  await assert.rejects(direct(blobs).signGet('missing', 60), { code: 'NOT_FOUND' })
  await assert.rejects(direct(blobs).signPut('d', 60), { code: 'CONFLICT' })
  for (const seconds of [0, -1, 604_801, 1.5]) await assert.rejects(direct(blobs).signPut('x', seconds), { code: 'BAD_REQUEST' })
  for (const key of ['../x', '', 'a//b', '/x']) {
    for (const attempt of [direct(blobs).signGet(key, 60), direct(blobs).signPut(key, 60), direct(blobs).beginParts(key, 1, 60), direct(blobs).completeParts(key, 'u', []), direct(blobs).abortParts(key, 'u')]) {
      await assert.rejects(attempt, { code: 'PATH_OUTSIDE_ROOT' }, key)
    }
  }
})

test('an upload in parts is seen when it is completed, and never when it is aborted or abandoned', async () => {
  const blobs = await open()
  const parts = [randomBytes(5 * 1024 * 1024), randomBytes(5 * 1024 * 1024), randomBytes(100)]
  const begin = async () => {
    const { uploadId, parts: places } = await direct(blobs).beginParts('d/big', parts.length, 60)
    const etags = await Promise.all(places.map(async ({ url, headers }, i) => (await fetch(url, { method: 'PUT', body: parts[i] ?? null, headers })).headers.get('etag') ?? ''))
    return { uploadId, uploaded: etags.map((etag, i) => ({ number: i + 1, etag })) }
  }
  const aborted = await begin()
  assert.equal(await blobs.stat('d/big'), undefined)
  await direct(blobs).abortParts('d/big', aborted.uploadId)
  await direct(blobs).abortParts('d/big', aborted.uploadId)
  // S3 says NoSuchUpload; moto 5.2 fails in its own way.
  await assert.rejects(direct(blobs).completeParts('d/big', aborted.uploadId, aborted.uploaded))
  assert.equal(await blobs.stat('d/big'), undefined)
  const { uploadId, uploaded } = await begin()
  await assert.rejects(direct(blobs).completeParts('d/big', uploadId, uploaded.map(({ number }) => ({ number, etag: '"none"' }))), { code: 'BAD_REQUEST' })
  await direct(blobs).completeParts('d/big', uploadId, uploaded.toReversed())
  assert.equal(sha(await read(blobs, 'd/big')), sha(Buffer.concat(parts)))
  await begin()
  // To moto all uploads began in 2010.
  assert.equal(await direct(blobs).abandonParts(new Date('2001-01-01')), 0)
  assert.equal(await direct(blobs).abandonParts(new Date(Date.now() + 60_000)), 1)
  for (const count of [0, 10_001, 1.5]) await assert.rejects(direct(blobs).beginParts('x', count, 60), { code: 'BAD_REQUEST' })
})

test('a bucket that is not there is refused at once; a store that does not answer is asked again later', async () => {
  await assert.rejects(openS3Blobs({ bucket: 'nowhere', prefix: '' }, withCredentials()), { code: 'CONFIG_INVALID', message: /the bucket nowhere cannot be used/ })
  const blobs = await openS3Blobs({ bucket: 'blobs', prefix: '' }, { ...withCredentials(), MLFLOW_S3_ENDPOINT_URL: 'http://127.0.0.1:9' })
  await assert.rejects(blobs.list(''), { code: 'UPSTREAM_FAILED', message: /ECONNREFUSED/ })
})
