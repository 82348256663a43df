import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createTransport } from '../../../sdk/http.ts'
import { trackingClient } from '../../../sdk/tracking.ts'
import { projectConfigSchema } from '../../domain/config.ts'
import { parseConfig } from '../../platform/config/index.ts'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { trackingService } from '../index.ts'
import { send } from '../testing.ts'
import { RULES } from './rules.ts'

// Classes of vulnerabilities that MLflow's server has had, each tried on every field and verb that it could come by, with the honest form beside it.

let service: TestService | undefined
const outside = mkdtempSync(join(tmpdir(), 'millrace-outside-'))
const PAGE = '<script>alert(1)</script>'
const own = { run: '', model: '', trace: `tr-${'a'.repeat(32)}` }
before(async () => {
  writeFileSync(join(outside, 'secret.txt'), 'a secret')
  service = await startForTest(trackingService, parseConfig(projectConfigSchema, 'project: test\n', 'millrace.yaml', {}))
  const client = trackingClient(createTransport(service.url))
  own.run = (await client.createRun('0')).info.run_id
  await client.uploadArtifact(own.run, 'model/MLmodel', 'flavors: {}')
  // Before it is registered: then its files are sealed.
  await client.uploadArtifact(own.run, 'model/page.html', PAGE)
  await client.registerModel('m')
  await client.createVersion('m', { source: `runs:/${own.run}/model`, runId: own.run })
  const made: { model: { info: { model_id: string } } } = JSON.parse((await call('POST', '/api/2.0/mlflow/logged-models', { experiment_id: '0', name: 'l' })).text)
  own.model = made.model.info.model_id
  await call('PUT', `/api/2.0/mlflow-artifacts/artifacts/0/models/${own.model}/artifacts/MLmodel`, 'flavors: {}')
  const location = { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } }
  await call('POST', '/api/3.0/mlflow/traces', { trace: { trace_info: { trace_id: own.trace, trace_location: location, request_time: '2026-01-01T00:00:00Z' } } })
  await call('PUT', `/api/2.0/mlflow-artifacts/artifacts/0/traces/${own.trace}/artifacts/attachments/a.bin`, 'x')
})
after(async () => {
  await service?.stop()
  rmSync(outside, { recursive: true })
})

const call = (method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) => send(service?.url ?? '', method, path, { ...(body === undefined ? {} : { body }), headers })

/** As they stand in a query, encoded once and more often. */
const PATHS = ['../x', '..%2f..%2fx', '%2e%2e/x', '%252e%252e%252fx', '%25252e%25252e/x', 'a/../../x', '..%5cx', '/etc/passwd', '%2fetc%2fpasswd', 'file:/etc/passwd', 'file:%2f%2f/etc/passwd', 'C:%5cx', 'a%00b', 'a%23b', 'a%3fb', 'a//b']

test('no field that holds a path leads out of its folder, and the honest path does lead into it', async () => {
  const fields: readonly (readonly [(path: string) => string, string])[] = [
    [(path) => `/get-artifact?run_id=${own.run}&path=${path}`, 'model/MLmodel'],
    [(path) => `/get-artifact?run_uuid=${own.run}&path=${path}`, 'model/MLmodel'],
    [(path) => `/model-versions/get-artifact?name=m&version=1&path=${path}`, 'MLmodel'],
    ...['/api', '/ajax-api'].flatMap((prefix): readonly (readonly [(path: string) => string, string])[] => [
      [(path) => `${prefix}/2.0/mlflow/artifacts/list?run_id=${own.run}&path=${path}`, 'model'],
      [(path) => `${prefix}/2.0/mlflow-artifacts/artifacts?path=${path}`, `0/${own.run}/artifacts`],
      [(path) => `${prefix}/2.0/mlflow/logged-models/${own.model}/artifacts/directories?artifact_directory_path=${path}`, ''],
      [(path) => `${prefix}/2.0/mlflow/logged-models/${own.model}/artifacts/files?artifact_file_path=${path}`, 'MLmodel'],
      [(path) => `${prefix}/2.0/mlflow/get-trace-artifact?request_id=${own.trace}&path=${path}`, 'a.bin'],
      [(path) => `${prefix}/3.0/mlflow/get-trace-artifact?request_id=${own.trace}&path=${path}`, 'a.bin'],
    ]),
  ]
  for (const [field, honest] of fields) {
    for (const path of PATHS) {
      const { status, text } = await call('GET', field(path))
      assert.equal(status, 400, `${field(path)}: ${status} ${text}`)
      assert.match(text, /INVALID_PARAMETER_VALUE/)
    }
    const { status, text } = await call('GET', field(honest))
    assert.equal(status, 200, `${field(honest)}: ${text}`)
  }
})

test('no id that becomes a part of a path may be one', async () => {
  const decoded = ['../x', '..', 'a/b', '..\\x', 'a\0b', '/etc', '.hidden/../..']
  for (const id of decoded) {
    const bodies: readonly (readonly [string, string, object])[] = [
      ['POST', '/api/3.0/mlflow/traces', { trace: { trace_info: { trace_id: id, trace_location: { mlflow_experiment: { experiment_id: '0' } }, request_time: '2026-01-01T00:00:00Z' } } }],
      ['POST', '/api/2.0/mlflow/runs/log-batch', { run_id: id }],
      ['POST', '/api/2.0/mlflow/runs/create', { experiment_id: id }],
      ['POST', '/api/2.0/mlflow/model-versions/create', { name: 'm', source: id, run_id: own.run }],
      ['POST', '/api/2.0/mlflow/model-versions/create', { name: 'm', source: `runs:/${own.run}/../${id}`, run_id: own.run }],
      ['POST', '/api/2.0/mlflow/experiments/create', { name: `at ${id}`, artifact_location: id }],
      ['POST', '/api/2.0/mlflow/experiments/create', { name: `at2 ${id}`, artifact_location: `file://${id}` }],
      ['POST', '/api/2.0/mlflow/experiments/create', { name: `at3 ${id}`, artifact_location: `http://169.254.169.254/${id}` }],
    ]
    for (const [method, path, body] of bodies) {
      const { status, text } = await call(method, path, body)
      assert.equal(status, 400, `${path} ${JSON.stringify(body)}: ${status} ${text}`)
    }
  }
})

test('a link in the store that leads out of it is followed by no verb', async () => {
  const artifacts = join(service?.projectFolder ?? '', '.millrace', 'tracking', 'artifacts')
  mkdirSync(join(artifacts, '0'), { recursive: true })
  symlinkSync(outside, join(artifacts, '0', 'link'))
  symlinkSync(join(outside, 'secret.txt'), join(artifacts, '0', 'file.txt'))
  for (const path of ['0/link/secret.txt', '0/file.txt']) {
    const got = await call('GET', `/api/2.0/mlflow-artifacts/artifacts/${path}`)
    assert.notEqual(got.status, 200, path)
    assert.doesNotMatch(got.text, /a secret/)
    await call('PUT', `/api/2.0/mlflow-artifacts/artifacts/${path}`, 'overwritten')
    await call('DELETE', `/api/2.0/mlflow-artifacts/artifacts/${path}`)
    assert.equal(readFileSync(join(outside, 'secret.txt'), 'utf8'), 'a secret', path)
  }
  await call('PUT', '/api/2.0/mlflow-artifacts/artifacts/0/link/new.txt', 'x')
  assert.ok(!existsSync(join(outside, 'new.txt')))
  assert.doesNotMatch((await call('GET', '/api/2.0/mlflow-artifacts/artifacts?path=0/link')).text, /secret/)
  await call('DELETE', '/api/2.0/mlflow-artifacts/artifacts/0/link')
  assert.equal(readFileSync(join(outside, 'secret.txt'), 'utf8'), 'a secret')
})

test('what others stored is run by no browser, whichever way it comes', async () => {
  const root = '/api/2.0/mlflow-artifacts/artifacts'
  for (const path of [`0/${own.run}/artifacts/page.html`, `0/models/${own.model}/artifacts/page.html`, `0/traces/${own.trace}/artifacts/attachments/page.html`]) {
    assert.equal((await call('PUT', `${root}/${path}`, PAGE, { 'content-type': 'text/html' })).status, 200)
  }
  const ways = [
    `${root}/0/${own.run}/artifacts/page.html`, `/get-artifact?run_id=${own.run}&path=page.html`, '/model-versions/get-artifact?name=m&version=1&path=page.html',
    `/ajax-api/2.0/mlflow/logged-models/${own.model}/artifacts/files?artifact_file_path=page.html`, `/ajax-api/2.0/mlflow/get-trace-artifact?request_id=${own.trace}&path=page.html`,
  ]
  for (const way of ways) {
    const { status, headers, text } = await call('GET', way)
    assert.equal(status, 200, `${way}: ${text}`)
    assert.equal(text, PAGE)
    assert.equal(headers['content-type'], 'application/octet-stream')
    assert.match(String(headers['content-disposition']), /^attachment;/)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['content-security-policy'], "default-src 'none'; sandbox")
  }
  // And what comes as JSON is JSON, whatever it holds.
  const error = await call('GET', `/api/2.0/mlflow/experiments/get-by-name?experiment_name=${encodeURIComponent(PAGE)}`)
  assert.match(String(error.headers['content-type']), /^application\/json/)
})

test('a form of another site changes nothing: every endpoint that takes JSON takes only JSON', async () => {
  for (const [route] of RULES) {
    const [method = '', url = ''] = route.split(' ')
    const path = `/api${url}`.replace(/:\w+/g, 'x')
    if (method !== 'POST' || !/^\/\d\.0\/?ml/.test(url) || url.includes('*') || /upload-artifact/.test(url)) continue
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      const { status, text } = await call(method, path, '{"experiment_id":"0"}', { 'content-type': type })
      assert.ok([400, 415, 501].includes(status), `${path} ${type}: ${status} ${text}`)
    }
  }
})

test('what is too large, too many or too deep is refused and not worked on', async () => {
  const post = (path: string, body: unknown) => call('POST', `/api/2.0/mlflow/${path}`, body)
  const large = await post('runs/log-batch', JSON.stringify({ run_id: own.run, tags: [{ key: 'a', value: 'x'.repeat(17 * 1024 * 1024) }] }))
  assert.equal(large.status, 413)
  const refused: readonly (readonly [string, unknown])[] = [
    ['runs/log-batch', { run_id: own.run, metrics: Array.from({ length: 1001 }, (_, i) => ({ key: 'm', value: 1, timestamp: i })) }],
    ['runs/search', { experiment_ids: ['0'], filter: Array.from({ length: 101 }, () => "tags.a = 'b'").join(' AND ') }],
    ['runs/search', { experiment_ids: ['0'], filter: `tags.a = '${'x'.repeat(30_000)}'` }],
    ['runs/search', { experiment_ids: ['0'], filter: '('.repeat(10_000) }],
    ['runs/search', { experiment_ids: ['0'], max_results: 50_001 }],
    ['experiments/create', '['.repeat(100_000)],
    ['traces/link-to-run', { run_id: own.run, trace_ids: Array.from({ length: 101 }, (_, i) => `tr-${i}`) }],
  ]
  for (const [path, body] of refused) assert.equal((await post(path, body)).status, 400, path)
  const deep = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`
  assert.equal((await post('experiments/create', `{"name":"deep","tags":${deep}}`)).status, 400)
  const value = `{"assessment":{"assessment_name":"a","feedback":{"value":${deep}}}}`
  assert.ok((await call('POST', `/api/3.0/mlflow/traces/${own.trace}/assessments`, value)).status < 500)
  assert.equal((await call('GET', '/health')).status, 200)
})

test('a pickled model is bytes to the server: it is stored, listed and sent back, and never opened', async () => {
  // `cos\nsystem` is what a pickle says to run a command.
  const pickle = `cos\nsystem\n(S'touch ${join(outside, 'owned')}'\ntR.`
  await call('PUT', `/api/2.0/mlflow-artifacts/artifacts/0/${own.run}/artifacts/evil/model.pkl`, pickle, { 'content-type': 'application/octet-stream' })
  await call('PUT', `/api/2.0/mlflow-artifacts/artifacts/0/${own.run}/artifacts/evil/MLmodel`, `flavors: !!python/object/apply:os.system ["touch ${join(outside, 'owned')}"]`, { 'content-type': 'application/octet-stream' })
  const made = await call('POST', '/api/2.0/mlflow/model-versions/create', { name: 'm', source: `runs:/${own.run}/evil`, run_id: own.run })
  assert.equal(made.status, 200, made.text)
  assert.equal((await call('GET', `/get-artifact?run_id=${own.run}&path=evil/model.pkl`)).text, pickle)
  assert.ok(!existsSync(join(outside, 'owned')))
})
