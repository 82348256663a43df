import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import * as fc from 'fast-check'
import { createTransport } from '../../../../sdk/http.ts'
import { trackingClient } from '../../../../sdk/tracking.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import { filesBelow, saveFiles } from '../../../platform/fs/transfer.ts'
import { withService } from '../../testing.ts'
import { safePath } from './uri.ts'

const { url, send } = withService()
const PROXY = '/api/2.0/mlflow-artifacts/artifacts'
const folder = mkdtempSync(join(tmpdir(), 'millrace-artifacts-test-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const client = () => trackingClient(createTransport(url()))

test('what is put is got, as an attachment that no browser runs', async () => {
  assert.equal((await send('PUT', `${PROXY}/0/x/page%20one.html`, { body: '<script>alert(1)</script>', headers: { 'content-type': 'text/html' } })).status, 200)
  const got = await send('GET', `${PROXY}/0/x/page%20one.html`)
  assert.equal(got.text, '<script>alert(1)</script>')
  assert.equal(got.headers['content-type'], 'application/octet-stream')
  assert.equal(got.headers['content-disposition'], "attachment; filename*=UTF-8''page%20one.html")
  assert.equal(got.headers['x-content-type-options'], 'nosniff')
  assert.equal(got.headers['content-security-policy'], "default-src 'none'; sandbox")
  const listed = await send('GET', `${PROXY}?path=0/x`)
  assert.deepEqual(JSON.parse(listed.text), { files: [{ path: 'page one.html', is_dir: false, file_size: 25 }] })
})

test('what is not there is 404, and an empty folder lists nothing', async () => {
  const got = await send('GET', `${PROXY}/0/nothing`)
  assert.equal(got.status, 404)
  assert.match(got.text, /RESOURCE_DOES_NOT_EXIST/)
  assert.deepEqual(JSON.parse((await send('GET', `${PROXY}?path=nowhere`)).text), { files: [] })
})

/** As they stand in a URL. Each is tried with every verb, and decoded in every field that holds a path. */
const ESCAPES = [
  '../x', '0/../../x', '..%2fx', '%2e%2e/x', '%2e%2e%2fx', '0/%2e%2e/%2e%2e/x', '%252e%252e/x', '%252e%252e%252fx', '%25252e%25252e/x', '0/..%5c..%5cx', '..%5cx', '%5c%5chost%5cx', '0/%00x', '0/x%00.txt', '%2fetc%2fpasswd', '/etc/passwd',
  '0//x', '0/./x', 'C:%5cx', 'C:/x', 'file:/etc/passwd', 'file:%2f%2f%2fetc/passwd', '0/a%23b', '0/a%3fb', '0/a%2523b', '0/%0a', '.incoming/x', '%2eincoming/x', '0/..', '%2e',
]

for (const path of ESCAPES) {
  test(`no verb follows ${path}`, async () => {
    for (const verb of ['GET', 'PUT', 'DELETE']) {
      for (const prefix of ['/api', '/ajax-api']) {
        const answer = await send(verb, `${prefix}/2.0/mlflow-artifacts/artifacts/${path}`, verb === 'PUT' ? { body: 'x' } : {})
        assert.equal(answer.status, 400, `${verb} ${path}: ${answer.status} ${answer.text}`)
        assert.match(answer.text, /INVALID_PARAMETER_VALUE/)
      }
    }
  })
}

test('nor does any other field that holds a path', async () => {
  const run = await client().createRun('0')
  const runId = run.info.run_id
  await client().registerModel('m')
  const version = await client().createVersion('m', { source: `${run.info.artifact_uri}/model`, runId })
  for (const path of ESCAPES.filter((escape) => escape !== '%2e')) {
    const fields = [
      `${PROXY}?path=${path}`,
      `/api/2.0/mlflow/artifacts/list?run_id=${runId}&path=${path}`,
      `/get-artifact?run_id=${runId}&path=${path}`,
      `/model-versions/get-artifact?name=m&version=${version.version}&path=${path}`,
    ]
    for (const field of fields) {
      // The folder for unfinished uploads is refused at the root only: below a run it is a name like any other.
      if (/incoming/.test(path) && !field.startsWith(PROXY)) continue
      const { status, text } = await send('GET', field)
      assert.equal(status, 400, `${field}: ${text}`)
    }
    const upload = await send('POST', `/ajax-api/2.0/mlflow/upload-artifact?run_uuid=${runId}&path=${path}`, { body: 'x' })
    if (!/incoming/.test(path)) assert.equal(upload.status, 400, `upload ${path}: ${upload.text}`)
  }
})

test('whatever the path, it is refused or stays as it is below the root', () => {
  const part = fc.constantFrom('..', '.', '', 'a', '%2e', '%2E%2e', '%252e', '%5c', '\\', '%2f', '#', '?', '%00', '~', 'C:', 'file:', ' ', 'ü', '%', '%zz')
  fc.assert(
    fc.property(fc.oneof(fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/')), fc.array(part).map((parts) => parts.join('')), fc.string()), (path) => {
      try {
        assert.equal(safePath(path), path)
      } catch (error) {
        assert.ok(error instanceof MillraceError && error.code === 'PATH_OUTSIDE_ROOT', String(error))
        return
      }
      let decoded = path
      for (let i = 0; i < 3; i++) {
        const parts = decoded.split('/')
        assert.ok(!parts.includes('..') && !decoded.startsWith('/') && !decoded.includes('\\') && !decoded.includes('\0'), decoded)
        decoded = decoded.replace(/%2e/gi, '.').replace(/%2f/gi, '/').replace(/%5c/gi, '\\').replace(/%00/g, '\0').replace(/%25/g, '%')
      }
    }),
    { numRuns: 500 },
  )
})

test('an upload that breaks off leaves what was there', async () => {
  const path = `${PROXY}/0/broken/file.bin`
  await send('PUT', path, { body: 'old' })
  const { hostname, port } = new URL(url())
  await new Promise<void>((resolve) => {
    const request = httpRequest({ hostname, port, method: 'PUT', path, headers: { 'content-length': 1_000_000, 'content-type': 'application/octet-stream' } })
    request.on('error', () => resolve())
    request.write(Buffer.alloc(100_000), () => setTimeout(() => request.destroy(), 20))
  })
  assert.equal((await send('GET', path)).text, 'old')
  assert.deepEqual(JSON.parse((await send('GET', `${PROXY}?path=0/broken`)).text), { files: [{ path: 'file.bin', is_dir: false, file_size: 3 }] })
})

test('files larger than the limit of other bodies stream both ways', async () => {
  const content = randomBytes(20 * 1024 * 1024)
  const run = await client().createRun('0')
  await client().uploadArtifact(run.info.run_id, 'big.bin', new Blob([content]))
  await client().uploadArtifact(run.info.run_id, 'streamed.bin', new Blob([content]).stream())
  for (const name of ['big.bin', 'streamed.bin']) {
    const back = await client().downloadArtifact(run.info.run_id, name)
    assert.equal(createHash('sha256').update(back).digest('hex'), createHash('sha256').update(content).digest('hex'))
  }
})

test('a folder is uploaded, listed and downloaded again', async () => {
  const from = join(folder, 'from')
  mkdirSync(join(from, 'deep', 'er'), { recursive: true })
  writeFileSync(join(from, 'a b.txt'), 'a')
  writeFileSync(join(from, 'deep', 'er', '100%.json'), '{}')
  const run = await client().createRun('0')
  const runId = run.info.run_id
  assert.deepEqual(await client().uploadFiles(runId, filesBelow(from), 'model'), ['model/a b.txt', 'model/deep/er/100%.json'])
  assert.deepEqual(await client().listArtifacts(runId), [{ path: 'model', is_dir: true }])
  assert.deepEqual(await client().listArtifacts(runId, 'model'), [{ path: 'model/a b.txt', is_dir: false, file_size: 1 }, { path: 'model/deep', is_dir: true }])
  const to = join(folder, 'to')
  mkdirSync(to)
  await saveFiles(to, client().files(`${run.info.artifact_uri}/model`), (uri) => client().readArtifact(uri))
  assert.equal(readFileSync(join(to, 'deep', 'er', '100%.json'), 'utf8'), '{}')
})
