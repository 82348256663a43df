import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type TestService, startForTest } from '../platform/service/testing.ts'
import { servingService } from './index.ts'
import { FIXTURES, ROW, type Registry, ready, startRegistry, testConfig } from './testing.ts'

const CONFIG = 'deployments: [{model: delay}]\nclock: {simulated: "2013-04-01T00:00:00Z"}\nhttp: {body_limit: 4096}'

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const EXPECTED = sigmoid(0.1 * Math.log1p(1000) - 0.05 * 14 + 0.02 * 10.5 - 0.4 + 0.5)

describe('prediction requests', () => {
  let folder: string
  let registry: Registry
  let service: TestService

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'serving-'))
    registry = await startRegistry(join(folder, 'registry'))
    registry.add('1', join(FIXTURES, 'one'))
    registry.move('champion', '1')
    service = await startForTest(servingService, testConfig({ tracking: registry.url, gateway: registry.url, yaml: CONFIG }), { projectFolder: join(folder, 'project') })
    await ready(service.url)
  })

  after(async () => {
    await service.stop()
    await registry.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${service.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  const { weather__wind: wind, ...raw } = ROW
  const columns = Object.keys(ROW)
  const values = Object.values(ROW)
  const without = (name: string) => Object.fromEntries(Object.entries(ROW).filter(([key]) => key !== name))
  const tensor = (name: string, datatype: string, data: unknown, shape = [1]) => ({ name, datatype, shape, data })
  const tensors = [
    tensor('distance', 'FP64', [1000]),
    tensor('hhmm', 'INT64', [[1435]], [1, 1]),
    tensor('carrier', 'BYTES', ['AA']),
    tensor('origin', 'BYTES', ['JFK']),
    tensor('hour', 'BYTES', [ROW.hour]),
    tensor('weather__wind', 'FP32', [wind]),
  ]

  const GOOD: readonly [string, string, unknown][] = [
    ['MLflow records', '/invocations', { dataframe_records: [ROW] }],
    ['MLflow split', '/invocations', { dataframe_split: { columns, data: [values] } }],
    ['MLflow split without columns, which are then the signature’s', '/invocations', { dataframe_split: { data: [values] } }],
    ['MLflow instances', '/invocations', { instances: [ROW], params: {} }],
    ['MLflow inputs', '/invocations', { inputs: Object.fromEntries(Object.entries(ROW).map(([name, value]) => [name, [value]])) }],
    ['columns that the signature does not know are ignored', '/invocations', { dataframe_records: [{ ...ROW, tailnum: 'N1' }] }],
    ['Open Inference Protocol', '/v2/models/delay/infer', { inputs: tensors }],
    ['Open Inference Protocol with a version', '/v2/models/delay/versions/1/infer', { inputs: tensors }],
    ['an address written in another way', '/v2/models/%64elay/infer?x=1', { inputs: tensors }],
  ]
  for (const [name, path, body] of GOOD) {
    test(`${name}: answers the probability`, async () => {
      const response = await post(path, body, { 'x-request-id': 'req-1' })
      const answer = JSON.parse(await response.text())
      assert.equal(response.status, 200, JSON.stringify(answer))
      assert.equal(response.headers.get('x-request-id'), 'req-1')
      assert.equal(response.headers.get('x-millrace-model-version'), '1')
      const probability: number = path === '/invocations' ? answer.predictions[0].probability : answer.outputs[1].data[0]
      assert.ok(Math.abs(probability - EXPECTED) < 1e-6, `${probability} ≠ ${EXPECTED}`)
    })
  }

  const BAD: readonly [string, string, unknown, number, RegExp, Record<string, string>?][] = [
    ['a missing field', '/invocations', { dataframe_records: [ROW, without('hhmm')] }, 400, /row 1: hhmm is missing/],
    ['a field of another type', '/invocations', { dataframe_records: [{ ...ROW, distance: 'far' }] }, 400, /row 0: distance: found \\"far\\", expected a double/],
    ['a field that is not finite', '/invocations', `{"dataframe_records": [${JSON.stringify(ROW).replace('1000', '1e999')}]}`, 400, /finite/],
    ['a number beyond 32-bit floats', '/invocations', { dataframe_records: [{ ...ROW, weather__wind: 1e300 }] }, 400, /32-bit/],
    ['NaN as Python writes it', '/invocations', '{"dataframe_records": [{"distance": NaN}]}', 400, /no JSON/],
    ['an empty body', '/invocations', '', 400, /empty/],
    ['a list as body', '/invocations', [ROW], 400, /a list, expected an object/],
    ['none of the forms', '/invocations', { rows: [ROW] }, 400, /none of dataframe_split/],
    ['two forms', '/invocations', { instances: [ROW], inputs: [] }, 400, /both instances and inputs/],
    ['a split with unknown keys', '/invocations', { dataframe_split: { data: [values], rows: 1 } }, 400, /dataframe_split.rows/],
    ['a row of other length', '/invocations', { dataframe_split: { columns, data: [[1]] } }, 400, /1 values, expected 6/],
    ['a row that is no row', '/invocations', { dataframe_records: [7] }, 400, /dataframe_records\[0\] is a number/],
    ['a content type that is not JSON', '/invocations', 'a,b', 415, /application\/xml/, { 'content-type': 'application/xml' }],
    ['a body over the limit', '/invocations', { dataframe_records: [{ ...ROW, note: 'x'.repeat(5000) }] }, 413, /limit is 4096/],
    ['a foreign Host', '/invocations', { dataframe_records: [ROW] }, 403, /allowed_hosts/, { origin: 'http://evil.example' }],
    ['a time that is none', '/invocations', { dataframe_records: [ROW] }, 400, /X-Millrace-Time/, { 'x-millrace-time': 'soon' }],
    ['a model that is not deployed, by header', '/invocations', { dataframe_records: [ROW] }, 404, /no model other/, { 'x-millrace-model': 'other' }],
    ['a model that is not deployed', '/v2/models/other/infer', { inputs: tensors }, 404, /^\{"error":"no model other/],
    ['a version that is not deployed', '/v2/models/delay/versions/9/infer', { inputs: tensors }, 404, /version 9/],
    ['inputs that are no list', '/v2/models/delay/infer', { inputs: {} }, 400, /expected a list of tensors/],
    ['a shape that does not fit the data', '/v2/models/delay/infer', { inputs: [tensor('distance', 'FP64', [1], [2])] }, 400, /has 1 values, its shape \[2\] says 2/],
    ['tensors of different lengths', '/v2/models/delay/infer', { inputs: [tensor('distance', 'FP64', [1, 2], [2]), tensor('hhmm', 'INT64', [1])] }, 400, /1 rows/],
    ['a datatype that does not exist', '/v2/models/delay/infer', { inputs: [tensor('distance', 'FLOAT', [1])] }, 400, /datatype is FLOAT/],
    ['data that is not of the datatype', '/v2/models/delay/infer', { inputs: [tensor('distance', 'FP64', ['x'])] }, 400, /expected FP64/],
    ['an output that the model has not', '/v2/models/delay/infer', { inputs: tensors, outputs: [{ name: 'shap' }] }, 400, /expected one of label, probability/],
  ]
  for (const [name, path, body, status, message, headers] of BAD) {
    test(`${name}: ${status}, and says so`, async () => {
      const response = await post(path, body, headers)
      const text = await response.text()
      assert.equal(response.status, status, text)
      assert.match(text, message)
      assert.ok(response.headers.get('x-request-id'))
      assert.doesNotMatch(text, /node_modules|at .*\.ts:/)
    })
  }

  /** Sends the pieces one after the other, as a slow caller does; without a length, chunked. */
  const inPieces = (pieces: readonly string[], headers: Record<string, string>) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const request = httpRequest(`${service.url}/invocations`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers } }, (response) => {
        let text = ''
        response.on('data', (part: Buffer) => (text += part.toString()))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      })
      request.on('error', reject)
      const send = (i: number): void => {
        const piece = pieces[i]
        if (piece === undefined) request.end()
        else request.write(piece, () => setTimeout(send, 5, i + 1))
      }
      send(0)
    })

  test('a body that comes in pieces, with or without its length, is put together', async () => {
    const body = JSON.stringify({ dataframe_records: [{ ...ROW, carrier: 'Ω' }] })
    const pieces = [body.slice(0, 7), body.slice(7, 60), body.slice(60)]
    const whole = await (await post('/invocations', body)).text()
    assert.deepEqual(await inPieces(pieces, {}), { status: 200, text: whole })
    assert.deepEqual(await inPieces(pieces, { 'content-length': String(Buffer.byteLength(body)) }), { status: 200, text: whole })
  })

  test('a body without a length is refused once it is over the limit, and one without any bytes at its end', async () => {
    assert.equal((await inPieces(['x'.repeat(3000), 'x'.repeat(3000)], {})).status, 413)
    assert.equal((await inPieces([], { 'transfer-encoding': 'chunked' })).status, 400)
    assert.equal((await inPieces([], { 'content-length': '0' })).status, 400)
  })

  test('requested outputs alone are answered, the id is echoed', async () => {
    const response = await post('/v2/models/delay/infer', { id: 'any id “at all”', inputs: tensors, outputs: [{ name: 'label' }] })
    const { outputs, ...rest } = JSON.parse(await response.text())
    assert.deepEqual(rest, { model_name: 'delay', model_version: '1', id: 'any id “at all”' })
    assert.deepEqual(outputs, [{ name: 'label', shape: [1], datatype: 'INT64', data: [EXPECTED > 0.5 ? 1 : 0] }])
  })

  test('the journal has each row with inputs, features, score, time and probe', async () => {
    const start = Number((await fetch(`${service.url}/journal`)).headers.get('x-millrace-journal-head'))
    await post('/invocations', { dataframe_records: [ROW, { ...ROW, carrier: 'UA', weather__wind: null }] }, {
      'x-request-id': 'journaled',
      'x-millrace-time': '2013-04-02T10:00:00Z',
      'x-millrace-probe': 'true',
    })
    const response = await fetch(`${service.url}/journal?after=${start}`)
    const lines = (await response.text()).trimEnd().split('\n').map((line) => JSON.parse(line))
    assert.equal(lines.length, 2)
    const { score, crc, ...first } = lines[0]
    assert.ok(Math.abs(score - EXPECTED) < 1e-6)
    assert.match(crc, /^[0-9a-f]{8}$/)
    assert.deepEqual(first, {
      id: 'journaled',
      row: 0,
      model: 'delay',
      version: '1',
      alias: 'champion',
      role: 'champion',
      time: Date.UTC(2013, 3, 2, 10),
      inputs: ROW,
      features: { distance: Math.log1p(1000), hour_of_day: 14, wind: 10.5, carrier: 'AA' },
      probe: true,
    })
    assert.equal(lines[1].row, 1)
    assert.equal(lines[1].features.wind, null)
  })

  test('without the features service, missing features are named and the request is answered', async () => {
    const start = Number((await fetch(`${service.url}/journal`)).headers.get('x-millrace-journal-head'))
    const response = await post('/invocations', { dataframe_records: [raw] })
    assert.equal(response.status, 200)
    const line = JSON.parse(await (await fetch(`${service.url}/journal?after=${start}`)).text())
    assert.deepEqual(line.missing, ['weather:wind'])
    assert.equal(line.features.wind, null)
  })

  test('metadata, health and version answer in every form', async () => {
    const get = async (path: string) => {
      const response = await fetch(`${service.url}${path}`)
      return { status: response.status, text: await response.text() }
    }
    for (const path of ['/ping', '/health']) assert.deepEqual(await get(path), { status: 200, text: '\n' })
    assert.deepEqual(await get('/v2/'), await get('/v2'))
    for (const path of ['/v2', '/v2/health/live', '/v2/health/ready', '/v2/models/delay/ready', '/v2/models/delay/versions/1/ready', '/version', '/docs/json']) {
      assert.equal((await get(path)).status, 200, path)
    }
    for (const path of ['/v2/models/delay', '/v2/models/delay/versions/1']) {
      const metadata = JSON.parse((await get(path)).text)
      assert.equal(metadata.platform, 'onnx_onnxv1')
      assert.deepEqual(metadata.versions, ['1'])
      assert.deepEqual(metadata.inputs[1], { name: 'hhmm', datatype: 'INT64', shape: [-1], parameters: { required: true } })
    }
    assert.equal((await get('/v2/models/other')).status, 404)
    assert.match((await get('/docs/json')).text, /\/invocations/)
  })

  test('metrics count requests, rows, batches and failures by model and version', async () => {
    const text = await (await fetch(`${service.url}/metrics`)).text()
    assert.match(text, /model_infer_request_success_total\{model="delay",version="1",service="serving"\} [1-9]/)
    assert.match(text, /model_infer_request_duration_seconds_bucket\{model="delay",version="1",le="0.0005",service="serving"\} \d/)
    assert.match(text, /model_infer_batch_rows_count\{.*\} [1-9]/)
    assert.match(text, /model_infer_request_failure_total\{model="delay",code="INPUT_INVALID",service="serving"\} [1-9]/)
    assert.match(text, /model_version_info\{model="delay",alias="champion",version="1",service="serving"\} 1/)
    assert.match(text, /journal_bytes_total\{service="serving"\} [1-9]/)
  })
})
