import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { servingService } from '../index.ts'
import { FIXTURES, ROW, type Registry, ready, startRegistry, testConfig } from '../testing.ts'

const CONFIG = 'deployments: [{model: delay}]\nclock: {simulated: "2013-04-01T00:00:00Z"}'
const SECOND = { ...ROW, carrier: 'UA', weather__wind: null }
const HEADER = Object.keys(ROW).join()
const CSV = `${HEADER}\n${Object.values(ROW).join()}\n1000,1435,UA,JFK,"2013-04-01T15:00:00Z",\n`

describe('the protocols', () => {
  let folder: string
  let registry: Registry
  let service: TestService
  /** What the records form answers for ROW and SECOND. */
  let expected: unknown

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'protocols-'))
    registry = await startRegistry(join(folder, 'registry'))
    registry.add('1', join(FIXTURES, 'one'))
    registry.move('champion', '1')
    service = await startForTest(servingService, testConfig({ tracking: registry.url, gateway: registry.url, yaml: CONFIG }), { projectFolder: join(folder, 'project') })
    await ready(service.url)
    expected = await (await post('/invocations', JSON.stringify({ dataframe_records: [ROW, SECOND] }))).json()
  })

  after(async () => {
    await service.stop()
    await registry.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const post = (path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
    fetch(`${service.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })
  const parquet = (name: string) => Uint8Array.from(readFileSync(join(FIXTURES, name)))

  const FORMS: readonly [string, string, () => string | Uint8Array<ArrayBuffer>, string][] = [
    ['CSV', '/invocations', () => CSV, 'text/csv'],
    ['CSV that says it is UTF-8', '/invocations', () => CSV, 'text/csv; charset=utf-8'],
    ['Parquet', '/invocations', () => parquet('rows.parquet'), 'application/vnd.apache.parquet'],
    ['Parquet with timestamps', '/invocations', () => parquet('rows-timestamp.parquet'), 'application/vnd.apache.parquet'],
    ['KServe’s V1', '/v1/models/delay:predict', () => JSON.stringify({ instances: [ROW, SECOND] }), 'application/json'],
    ['KServe’s V1 with lists', '/v1/models/delay:predict', () => JSON.stringify({ instances: [Object.values(ROW), Object.values(SECOND)] }), 'application/json'],
  ]
  for (const [name, path, body, type] of FORMS) {
    test(`${name} answers what records answer`, async () => {
      const response = await post(path, body(), { 'content-type': type })
      assert.deepEqual(await response.json(), expected)
      assert.equal(response.status, 200)
    })
  }

  const BAD: readonly [string, string, string, string, number, RegExp][] = [
    ['CSV with a line that is too long', '/invocations', `${HEADER}\n1,2,3,4,5,6,7\n`, 'text/csv', 400, /no CSV: Invalid Record Length/],
    ['CSV with text for a number', '/invocations', CSV.replace('1000', 'far'), 'text/csv', 400, /row 0: distance: found \\"far\\"/],
    ['CSV in another encoding', '/invocations', CSV, 'text/csv; charset=latin1', 415, /expected one of application\/json, text\/csv/],
    ['an empty tensor of boundless width', '/v2/models/delay/infer', '{"inputs": [{"name": "distance", "datatype": "FP64", "shape": [0, 1000000000000], "data": []}]}', 'application/json', 400, /expected no more than 4194304 for its other sizes/],
    ['sizes whose product is no number', '/v2/models/delay/infer', '{"inputs": [{"name": "distance", "datatype": "FP64", "shape": [9007199254740991, 9007199254740991], "data": []}]}', 'application/json', 400, /has 0 values/],
    ['a fraction that is said to be whole', '/v2/models/delay/infer', '{"inputs": [{"name": "distance", "datatype": "INT32", "shape": [1], "data": [5.1]}]}', 'application/json', 400, /inputs\[0\] \(distance\): found 5.1, expected INT32/],
    ['a number that is said to be a byte', '/v2/models/delay/infer', '{"inputs": [{"name": "distance", "datatype": "INT8", "shape": [1], "data": [500]}]}', 'application/json', 400, /inputs\[0\] \(distance\): found 500, expected INT8/],
    ['no CSV at all', '/invocations', '', 'text/csv', 400, /empty, expected CSV/],
    ['Parquet that is none', '/invocations', 'PAR1 not really', 'application/vnd.apache.parquet', 400, /no Parquet/],
    ['V1 without instances', '/v1/models/delay:predict', '{"inputs": []}', 'application/json', 400, /^\{"error":"instances is missing, expected a list with an element for each row; found inputs"/],
    ['V1 for another model', '/v1/models/other:predict', '{"instances": []}', 'application/json', 404, /^\{"error":"no model other/],
  ]
  for (const [name, path, body, type, status, message] of BAD) {
    test(`${name}: ${status}, and says so`, async () => {
      const response = await post(path, body, { 'content-type': type })
      assert.match(await response.text(), message)
      assert.equal(response.status, status)
    })
  }

  test('true and false are 1 and 0 to a column of numbers', async () => {
    const column = (name: string, datatype: string, value: unknown) => ({ name, datatype, shape: [1], data: [value] })
    const { distance: _, hhmm, weather__wind: wind, ...texts } = ROW
    const infer = async (inputs: readonly object[]) => JSON.parse(await (await post('/v2/models/delay/infer', JSON.stringify({ inputs }))).text())
    const others = [column('hhmm', 'INT16', hhmm), column('weather__wind', 'FP32', wind), ...Object.entries(texts).map(([name, text]) => column(name, 'BYTES', text))]
    const { outputs } = await infer([column('distance', 'FP64', 1), ...others])
    assert.ok(Array.isArray(outputs))
    assert.deepEqual((await infer([column('distance', 'BOOL', true), ...others])).outputs, outputs)
  })

  test('the OpenAPI document has the address of V1 as it is called', async () => {
    const { paths } = JSON.parse(await (await fetch(`${service.url}/docs/json`)).text())
    assert.ok('/v1/models/{model}:predict' in paths, Object.keys(paths).join())
  })

  for (const form of ['instances', 'inputs']) {
    test(`${form} with one row, and no list, answers for that row`, async () => {
      const whole = await post('/invocations', JSON.stringify({ dataframe_records: [ROW] }), { 'content-type': 'application/json' })
      const bare = await post('/invocations', JSON.stringify({ [form]: ROW }), { 'content-type': 'application/json' })
      assert.deepEqual(await bare.json(), await whole.json())
      assert.equal(bare.status, 200)
    })
  }

  test('V1 lists models and says which are ready', async () => {
    const get = async (path: string): Promise<unknown> => (await fetch(`${service.url}${path}`)).json()
    assert.deepEqual(await get('/v1/models'), { models: ['delay'] })
    assert.deepEqual(await get('/v1/models/delay'), { name: 'delay', ready: true })
    assert.equal((await fetch(`${service.url}/v1/models/other`)).status, 404)
  })

  describe('the binary extension', () => {
    const doubles = (...values: number[]) => Buffer.from(Float64Array.from(values).buffer)
    const longs = (...values: bigint[]) => Buffer.from(BigInt64Array.from(values).buffer)
    const texts = (...values: string[]) =>
      Buffer.concat(values.map((value) => Buffer.concat([Buffer.from(Uint32Array.of(Buffer.byteLength(value)).buffer), Buffer.from(value)])))
    type Tensor = { readonly name: string; readonly datatype: string; readonly bytes: Buffer }
    const TENSORS: readonly Tensor[] = [
      { name: 'distance', datatype: 'FP64', bytes: doubles(1000, 1000) },
      { name: 'hhmm', datatype: 'INT64', bytes: longs(1435n, 1435n) },
      { name: 'carrier', datatype: 'BYTES', bytes: texts('AA', 'UA') },
      { name: 'origin', datatype: 'BYTES', bytes: texts('JFK', 'JFK') },
      { name: 'hour', datatype: 'BYTES', bytes: texts(ROW.hour, ROW.hour) },
    ]
    const WIND = { name: 'weather__wind', datatype: 'FP32', shape: [2, 1], data: [10.5, null] }
    const request = (tensors: readonly Tensor[], more: object = {}) => ({
      inputs: [...tensors.map(({ name, datatype, bytes }) => ({ name, datatype, shape: [2], parameters: { binary_data_size: bytes.length } })), WIND],
      ...more,
    })
    const send = (json: object, raw: Buffer, length?: string) => {
      const head = Buffer.from(JSON.stringify(json))
      return post('/v2/models/delay/infer', Uint8Array.from(Buffer.concat([head, raw])), {
        'content-type': 'application/octet-stream',
        'inference-header-content-length': length ?? String(head.length),
      })
    }
    const raw = (tensors: readonly Tensor[]) => Buffer.concat(tensors.map(({ bytes }) => bytes))

    test('raw inputs beside JSON ones answer what JSON alone does', async () => {
      const response = await send(request(TENSORS), raw(TENSORS))
      const { outputs } = JSON.parse(await response.text())
      const probabilities = (JSON.parse(JSON.stringify(expected)) as { predictions: { probability: number }[] }).predictions.map(({ probability }) => probability)
      assert.deepEqual(outputs[1].data, probabilities)
    })

    test('outputs come raw where they are asked for so, in the order of the request', async () => {
      const asked = { outputs: [{ name: 'probability', parameters: { binary_data: true } }, { name: 'label', parameters: { binary_data: false } }] }
      const response = await send(request(TENSORS, asked), raw(TENSORS))
      const bytes = Buffer.from(await response.arrayBuffer())
      assert.equal(response.headers.get('content-type'), 'application/octet-stream')
      const length = Number(response.headers.get('inference-header-content-length'))
      const { outputs } = JSON.parse(bytes.subarray(0, length).toString())
      assert.deepEqual(outputs[0], { name: 'probability', shape: [2], datatype: 'FP64', parameters: { binary_data_size: 16 } })
      assert.equal(outputs[1].data.length, 2)
      const { predictions } = JSON.parse(JSON.stringify(expected))
      assert.deepEqual([bytes.readDoubleLE(length), bytes.readDoubleLE(length + 8)], [predictions[0].probability, predictions[1].probability])
      assert.equal(bytes.length, length + 16)
    })

    test('all outputs come raw where the request says so', async () => {
      const response = await send(request(TENSORS, { parameters: { binary_data_output: true } }), raw(TENSORS))
      const length = Number(response.headers.get('inference-header-content-length'))
      assert.equal((await response.arrayBuffer()).byteLength, length + 32)
    })

    const first: Tensor = { name: 'distance', datatype: 'FP64', bytes: doubles(1000, 1000) }
    const text = (bytes: Buffer): Tensor => ({ name: 'carrier', datatype: 'BYTES', bytes })
    const REFUSED: readonly [string, object, Buffer, RegExp, string?][] = [
      ['a tensor longer than the body', request([first]), doubles(1000), /binary_data_size is 16, 8 bytes are left/],
      ['bytes that no tensor claims', request([first]), doubles(1, 2, 3), /8 bytes follow the last tensor/],
      ['a tensor of another size than its shape', request([{ ...first, bytes: doubles(1) }]), doubles(1), /has 8 bytes, 2 × FP64 take 16/],
      ['text whose length runs out of the tensor', request([text(Buffer.from([9, 0, 0, 0, 65]))]), Buffer.from([9, 0, 0, 0, 65]), /element 0 ends beyond the 5 bytes/],
      ['a datatype that does not exist', request([{ ...first, datatype: 'BF8' }]), first.bytes, /datatype is BF8, expected one of BOOL, INT8/],
      ['a whole number that a double cannot hold', request([{ name: 'hhmm', datatype: 'INT64', bytes: longs(2n ** 60n, 1n) }]), longs(2n ** 60n, 1n), /found 1152921504606846976/],
      ['a length of the JSON beyond the body', request([first]), first.bytes, /Inference-Header-Content-Length is 99999, expected 0 …/, '99999'],
      ['a length that is no number', request([first]), first.bytes, /Inference-Header-Content-Length is -1/, '-1'],
      ['one raw tensor for a model with many inputs', request([first]), first.bytes, /a model with one input/, '0'],
      ['classes that are asked for', request([first], { outputs: [{ name: 'label', parameters: { classification: 1 } }] }), first.bytes, /classification extension is not spoken/],
    ]
    for (const [name, json, bytes, message, length] of REFUSED) {
      test(`${name}: 400, and says so`, async () => {
        const response = await send(json, bytes, length)
        assert.match(await response.text(), message)
        assert.equal(response.status, 400)
      })
    }
  })
})
