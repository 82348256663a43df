import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryBlobs, type DirectAccess } from '../../../platform/blobs/index.ts'
import { openDatabase } from '../../../platform/db/index.ts'
import { migrations } from '../../migrations.ts'
import type { TrackingSchema } from '../../tables.ts'
import { withService } from '../../testing.ts'
import { Seals } from './seals.ts'

const { send } = withService()
const PROXY = '/api/2.0/mlflow-artifacts'
const UPLOAD = { path: '/home/ada/model.bin', upload_id: 'u', num_parts: 2, parts: [{ part_number: 1, etag: 'e', url: null }] }

/** What MLflow's client compares before it falls back to the proxy. */
const refusals: readonly (readonly [string, string, unknown, number, RegExp])[] = [
  ['POST', `${PROXY}/mpu/create/0/r/artifacts`, UPLOAD, 501, /"NOT_IMPLEMENTED","message":"Multipart upload is not supported for the current artifact repository"/],
  ['POST', `${PROXY}/mpu/complete/0/r/artifacts`, UPLOAD, 501, /Multipart upload is not supported for the current artifact repository/],
  ['POST', `${PROXY}/mpu/abort/0/r/artifacts`, UPLOAD, 501, /Multipart upload is not supported for the current artifact repository/],
  ['GET', `${PROXY}/presigned/0/r/artifacts/x`, undefined, 501, /Multipart download is not supported for the current artifact repository/],
]
for (const [method, path, body, status, message] of refusals) {
  test(`on a store of the file system ${path} says that it is not supported, in MLflow's words`, async () => {
    const answer = await send(method, path, body === undefined ? {} : { body })
    assert.equal(answer.status, status)
    assert.match(answer.text, message)
  })
}

test('nor are addresses signed there for a run or a model, and one of them must be named', async () => {
  const created: { run: { info: { run_id: string } } } = JSON.parse((await send('POST', '/api/2.0/mlflow/runs/create', { body: { experiment_id: '0' } })).text)
  const run_id = created.run.info.run_id
  const ask = (what: string, body: unknown) => send('POST', `/api/2.0/mlflow/artifacts/presigned-${what}-url`, { body })
  for (const what of ['upload', 'download']) {
    const { status, text } = await ask(what, { run_id, path: 'x' })
    assert.equal(status, 400)
    assert.match(text, new RegExp(`Presigned ${what} is not supported for proxied artifact storage`))
    assert.equal((await ask(what, { run_id: 'missing', path: 'x' })).status, 404)
  }
  assert.match((await ask('upload', { path: 'x' })).text, /Exactly one of run_id and model_id must be provided/)
  assert.match((await ask('upload', { run_id, model_id: 'm', path: 'x' })).text, /Exactly one of run_id and model_id must be provided/)
})

for (const path of ['..%2fx', '%2e%2e/x', '%252e%252e/x', '0/..%5cx', '0//x', '%2fetc%2fpasswd', '0/%00x', 'C:%5cx']) {
  test(`no direct access follows ${path}`, async () => {
    for (const step of ['mpu/create', 'mpu/complete', 'mpu/abort', 'presigned']) {
      const answer = await send(step === 'presigned' ? 'GET' : 'POST', `${PROXY}/${step}/${path}`, step === 'presigned' ? {} : { body: UPLOAD })
      assert.equal(answer.status, 400, `${step}: ${answer.text}`)
    }
    for (const what of ['upload', 'download']) {
      const answer = await send('POST', `/api/2.0/mlflow/artifacts/presigned-${what}-url`, { body: { run_id: 'r', path: decodeURIComponent(path) } })
      assert.equal(answer.status, 400, answer.text)
    }
  })
}

test('of the path on the client only the name counts, and it is a name', async () => {
  for (const path of ['..', '/', '', 'a/..']) {
    const { status, text } = await send('POST', `${PROXY}/mpu/create/0/r/artifacts`, { body: { path, num_parts: 1 } })
    assert.equal(status, 400, text)
  }
})

test('what is sealed is not written past the server either: no address is signed, and no upload completed that began before', async () => {
  const db = await openDatabase<TrackingSchema>({ url: 'sqlite::memory:', schema: 'tracking', migrations })
  try {
    const done: string[] = []
    const signed = { url: 'http://store/', headers: {} }
    const direct: DirectAccess = {
      signGet: async () => ({ ...signed, size: 1 }),
      signPut: async (key) => (done.push(`sign ${key}`), signed),
      beginParts: async (key) => (done.push(`begin ${key}`), { uploadId: 'u', parts: [signed] }),
      completeParts: async (key) => void done.push(`complete ${key}`),
      abortParts: async (key) => void done.push(`abort ${key}`),
      abandonParts: async () => 0,
    }
    const guarded = new Seals(db).guard({ ...memoryBlobs(), direct }).direct ?? assert.fail('direct access is passed on')
    await guarded.beginParts('m/x', 1, 60)
    await db.kysely.insertInto('registered_models').values({ name: 'm', description: null, creation_time: 1, last_update_time: 1, last_version: 1 }).execute()
    await db.kysely
      .insertInto('model_versions')
      .values({ name: 'm', version: 1, source: 's', storage_location: 's', run_id: null, model_id: null, run_link: null, description: null, stage: 'None', creation_time: 1, last_update_time: 1 })
      .execute()
    await db.kysely.insertInto('model_manifests').values({ name: 'm', version: 1, location: 'm', digest: 'd', files: '[]', size: 0, sealed_at: 1 }).execute()
    for (const attempt of [guarded.signPut('m/x', 60), guarded.beginParts('m/x', 1, 60), guarded.completeParts('m/x', 'u', [])]) await assert.rejects(attempt, { code: 'ARTIFACT_SEALED' })
    await guarded.abortParts('m/x', 'u')
    await guarded.signGet('m/x', 60)
    await guarded.completeParts('n/x', 'u', [])
    assert.deepEqual(done, ['begin m/x', 'abort m/x', 'complete n/x'])
  } finally {
    await db.close()
  }
})
