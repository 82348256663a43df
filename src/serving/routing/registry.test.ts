import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type ServerResponse, createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTransport } from '../../../sdk/http.ts'
import { type FileDigest, manifestDigest } from '../../domain/manifest.ts'
import { registryAt } from './registry.ts'

const SILENCE_MS = 300
const CHUNK = Buffer.alloc(100_000, 'x')
const folder = mkdtempSync(join(tmpdir(), 'millrace-download-'))

/** How tracking sends the one file of the version; each chunk is more than what the SDK reads at once. */
let send: (response: ServerResponse) => Promise<void>
/** undefined: the version was never sealed. */
let manifest: { digest: string; files: readonly FileDigest[] } | undefined
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://tracking')
  if (pathname.endsWith('get-download-uri')) response.end(JSON.stringify({ artifact_uri: 'mlflow-artifacts:/1/run/artifacts/model' }))
  else if (pathname.endsWith('/manifest')) response.writeHead(manifest === undefined ? 404 : 200).end(JSON.stringify(manifest ?? { error_code: 'RESOURCE_DOES_NOT_EXIST' }))
  else if (pathname.endsWith('/artifacts')) response.end(JSON.stringify({ files: [{ path: 'model.onnx', is_dir: false }] }))
  else void send(response)
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
after(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true, force: true })
})
const address = server.address()
const url = typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : ''

// The total of a request is far below what each transfer here takes.
const registry = registryAt(createTransport(url, { timeoutMs: 200 }), SILENCE_MS)
const download = (stop = new AbortController().signal) => registry.download('m', '1', folder, stop)

test('a file may take as long as it takes while bytes keep coming', async () => {
  send = async (response) => {
    response.writeHead(200, { 'content-length': 10 * CHUNK.length })
    for (let i = 0; i < 10; i++) {
      response.write(CHUNK)
      await sleep(SILENCE_MS / 3)
    }
    response.end()
  }
  await download()
  assert.deepEqual(readFileSync(join(folder, 'model.onnx')), Buffer.concat(Array.from({ length: 10 }, () => CHUNK)))
})

test('a transfer that falls silent is given up with the name of the file and how much of it came', async () => {
  send = async (response) => void response.writeHead(200, { 'content-length': 10 * CHUNK.length }).write(CHUNK)
  await assert.rejects(download(), { code: 'TIMEOUT', message: 'tracking sent nothing of 1/run/artifacts/model/model.onnx for 0.3 s, after 100000 bytes' })
})

test('a file that is not the one that was registered is refused, as is a manifest that is not its own', async () => {
  send = async (response) => void response.end('weights')
  const files = [{ path: 'model.onnx', size: 7, sha256: createHash('sha256').update('weights').digest('hex') }]
  manifest = { files, digest: manifestDigest(files) }
  await download()
  send = async (response) => void response.end('evil')
  await assert.rejects(download(), { code: 'MODEL_INVALID', message: /^model\.onnx of m version 1 is not what was registered: its SHA-256 is / })
  manifest = { files, digest: manifestDigest([]) }
  await assert.rejects(download(), { code: 'MODEL_INVALID', message: /the manifest of m version 1/ })
  manifest = undefined
})

test('an answer that never begins is given up too', async () => {
  send = async () => undefined
  await assert.rejects(download(), { code: 'TIMEOUT', message: /for 0.3 s, after 0 bytes/ })
})

test('a connection that breaks in the middle is an error, not a short file', async () => {
  send = async (response) => {
    response.writeHead(200, { 'content-length': 10 * CHUNK.length }).write(CHUNK)
    await sleep(20)
    response.destroy()
  }
  await assert.rejects(download(), { code: 'UND_ERR_SOCKET' })
})

test('serving that stops does not wait for the rest of a file', async () => {
  const stop = new AbortController()
  send = async (response) => {
    response.writeHead(200, { 'content-length': 10 * CHUNK.length }).write(CHUNK)
    stop.abort()
  }
  await assert.rejects(download(stop.signal), { name: 'AbortError' })
})
