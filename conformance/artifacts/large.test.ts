import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { type ClientRequest, request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, describe, test } from 'node:test'
import { openS3Blobs } from '../../src/platform/blobs/index.ts'
import { type TrackingProcess, startTrackingProcess } from '../../src/training/testing-process.ts'
import { startMoto } from '../lib/moto.ts'

const MIB = 1024 * 1024
/** MILLRACE_LARGE_MIB=5120 tries the promise whole; moto holds what it sends in memory, so S3 gets half. */
const SIZE = Number(process.env['MILLRACE_LARGE_MIB'] ?? 1024) * MIB
const MOST_MEMORY_MB = 200

/** Different in each MiB, the same each time. */
function* content(size: number): Iterable<Uint8Array> {
  for (let at = 0; at < size; at += MIB) {
    const part = Buffer.from(block)
    part.writeBigUInt64LE(BigInt(at))
    yield part.subarray(0, Math.min(MIB, size - at))
  }
}
const block = randomBytes(MIB)

function digestOf(size: number): string {
  const hash = createHash('sha256')
  for (const part of content(size)) hash.update(part)
  return hash.digest('hex')
}

const PROXY = '/api/2.0/mlflow-artifacts/artifacts'

/** Sends `size` bytes of a body that is said to have `announced`; then ends it, or waits, or breaks off. */
async function upload(url: string, path: string, size: number, announced = size): Promise<{ readonly request: ClientRequest; readonly status: Promise<number> }> {
  const { hostname, port } = new URL(url)
  const request = httpRequest({ hostname, port, method: 'PUT', path: `${PROXY}/${path}`, headers: { 'content-length': announced }, agent: false })
  const status = new Promise<number>((resolve) => {
    request.on('response', (response) => response.resume().on('end', () => resolve(response.statusCode ?? 0)))
    request.on('error', () => resolve(0))
  })
  for (const part of content(size)) {
    if (!request.write(part)) await new Promise((resolve) => request.once('drain', resolve))
  }
  if (size === announced) request.end()
  return { request, status }
}

async function download(url: string, path: string): Promise<string> {
  const hash = createHash('sha256')
  const { hostname, port } = new URL(url)
  await new Promise<void>((resolve, reject) => {
    httpRequest({ hostname, port, path: `${PROXY}/${path}`, agent: false }, (response) => {
      response.on('data', (part: Buffer) => hash.update(part)).on('end', resolve).on('error', reject)
    }).on('error', reject).end()
  })
  return hash.digest('hex')
}

async function listed({ url }: TrackingProcess, folder: string): Promise<unknown> {
  const { files }: { files?: unknown } = JSON.parse(await (await fetch(`${url}${PROXY}?path=${folder}`)).text())
  return files
}

/** The most memory that the process ever had (resident, with all that it shares), in MB of 2^20 bytes; Linux. */
function peakMemory({ pid }: TrackingProcess): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024
}

function openFiles({ pid }: TrackingProcess, part: string): readonly string[] {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).flatMap((fd) => {
    try {
      return [readlinkSync(join(folder, fd))]
    } catch {
      return []
    }
  }).filter((file) => file.includes(part))
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 20_000; !(await holds()); ) {
    if (Date.now() > deadline) assert.fail(`not within 20 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-large-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function upAndDown(t: TestContext, tracking: TrackingProcess, size: number): Promise<void> {
  const before = peakMemory(tracking)
  const { status } = await upload(tracking.url, '0/large.bin', size)
  assert.equal(await status, 200)
  const up = peakMemory(tracking)
  assert.deepEqual(await listed(tracking, '0'), [{ path: 'large.bin', is_dir: false, file_size: size }])
  assert.equal(await download(tracking.url, '0/large.bin'), digestOf(size))
  const down = peakMemory(tracking)
  t.diagnostic(`${size / MIB} MiB: most memory before ${before.toFixed(0)} MB, after the upload ${up.toFixed(0)} MB, after the download ${down.toFixed(0)} MB`)
  assert.ok(down < MOST_MEMORY_MB, `${down} MB`)
}

describe('large artifacts on disk', () => {
  test('one goes up and down through the server in constant memory', async (t) => {
    const tracking = await startTrackingProcess(newFolder(t))
    t.after(tracking.kill)
    await upAndDown(t, tracking, SIZE)
  })

  test('clients that go away in the middle leave nothing behind: no part of a file, no temporary file, no open one', async (t) => {
    const folder = newFolder(t)
    const tracking = await startTrackingProcess(folder)
    t.after(tracking.kill)
    const incoming = join(folder, '.millrace', 'tracking', 'artifacts', '.incoming')
    const uploads = await Promise.all(Array.from({ length: 8 }, (_, i) => upload(tracking.url, `0/broken/${i}`, 8 * MIB, 64 * MIB)))
    await until('eight are under way', () => readdirSync(incoming).length === 8)
    assert.deepEqual(await listed(tracking, '0/broken'), [])
    for (const { request } of uploads) request.destroy()
    await until('no temporary file is left', () => readdirSync(incoming).length === 0)
    assert.deepEqual(await listed(tracking, '0/broken'), [])
    assert.equal(await (await upload(tracking.url, '0/read.bin', 64 * MIB)).status, 200)
    const { hostname, port } = new URL(tracking.url)
    const readers = Array.from({ length: 8 }, () => httpRequest({ hostname, port, path: `${PROXY}/0/read.bin`, agent: false }).on('error', () => undefined).end())
    await until('eight are read', () => openFiles(tracking, 'read.bin').length === 8)
    for (const reader of readers) reader.destroy()
    await until('none is open', () => openFiles(tracking, 'read.bin').length === 0)
    assert.equal(openFiles(tracking, '.incoming').length, 0)
  })
})

describe('large artifacts in S3', () => {
  test('one goes up and down through the server in constant memory; clients that go away leave no object and no unfinished upload', async (t) => {
    const moto = await startMoto()
    t.after(moto.stop)
    Object.assign(process.env, moto.environment)
    const bucket = await moto.bucket('large')
    const tracking = await startTrackingProcess(newFolder(t), `storage: {artifacts: '${bucket}/prefix'}\n`)
    t.after(tracking.kill)
    await upAndDown(t, tracking, SIZE / 2)
    const uploads = await Promise.all(Array.from({ length: 3 }, (_, i) => upload(tracking.url, `0/broken/${i}`, 40 * MIB, 64 * MIB)))
    for (const { request } of uploads) request.destroy()
    const store = await openS3Blobs({ bucket: 'large', prefix: 'prefix' }, moto.environment)
    await until('no upload is unfinished', async () => (await unfinished(moto.url)) === 0)
    assert.deepEqual(await store.list('0/broken'), [])
    assert.ok(peakMemory(tracking) < MOST_MEMORY_MB, `${peakMemory(tracking)} MB with several at once`)
  })
})

/** How many uploads in parts the bucket holds. */
async function unfinished(url: string): Promise<number> {
  return (await (await fetch(`${url}/large?uploads`)).text()).split('<Upload>').length - 1
}
