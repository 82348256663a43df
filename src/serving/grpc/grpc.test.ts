import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { type ServiceDefinition, loadSync } from '@grpc/proto-loader'
import { protoPath } from 'grpc-health-check'
import { parseConfig } from '../../platform/config/index.ts'
import { projectConfigSchema } from '../../domain/config.ts'
import { freePort } from '../../platform/http/testing.ts'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { servingService } from '../index.ts'
import { encodeStrings } from '../protocols/v2/elements.ts'
import { convert } from '../runtime/tensor/convert.ts'
import { isText } from '../runtime/tensor/datatypes.ts'
import { bytesOf } from '../runtime/tensor/value.ts'
import { FIXTURES, ROW, ready, startRegistry, testConfig, until } from '../testing.ts'
import { fieldOf } from './messages.ts'
import { type Call, grpcClient } from './testing.ts'

const SERVICE = 'inference.GRPCInferenceService'
/** Of each datatype: what its typed contents hold, twice. */
const VALUES: Readonly<Record<string, readonly (number | string | boolean)[]>> = {
  BOOL: [true, false],
  INT8: [-128, 127],
  INT16: [-32768, 32767],
  INT32: [-2147483648, 2147483647],
  INT64: ['-9223372036854775808', '9223372036854775807'],
  UINT8: [0, 255],
  UINT16: [0, 65535],
  UINT32: [0, 4294967295],
  UINT64: ['0', '18446744073709551615'],
  FP32: [1.5, -0.25],
  FP64: [0.1, 1e300],
  BYTES: ['zwölf', ''],
}

describe('gRPC', () => {
  let folder: string
  let service: TestService
  let call: Call
  let port: number
  const closing: (() => void)[] = []

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'grpc-'))
    const place = (model: string, file: string) => {
      mkdirSync(join(folder, 'models', model, '1'), { recursive: true })
      cpSync(join(FIXTURES, file), join(folder, 'models', model, '1', 'model.onnx'))
    }
    place('pixels', 'pixels/model.onnx')
    place('plain', 'plain/model.onnx')
    place('product', 'faults/matmul.onnx')
    for (const datatype of [...Object.keys(VALUES), 'FP16']) place(datatype, `identity/${datatype}.onnx`)
    port = await freePort()
    const config = parseConfig(projectConfigSchema, `project: test\nmodel_repository: models\nhttp: {body_limit: 4096}\nservices: {serving: {grpc_port: ${port}}}\n`, 'millrace.yaml')
    service = await startForTest(servingService, config, { projectFolder: folder })
    await ready(service.url)
    const client = grpcClient(port, SERVICE)
    call = client.call
    closing.push(() => client.client.close())
  })
  after(async () => {
    for (const close of closing) close()
    await service.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const pixels = (more: object = {}) => ({ name: 'x', datatype: 'FP32', shape: ['1', '3', '2', '2'], contents: { fp32_contents: Array.from({ length: 12 }, () => 1) }, ...more })
  const infer = (input: object, more: object = {}, metadata = {}) => call('ModelInfer', { model_name: 'pixels', inputs: [input], ...more }, metadata)

  test('says what server and models are', async () => {
    assert.deepEqual((await call('ServerLive', {})).body, { live: true })
    assert.deepEqual((await call('ServerReady', {})).body, { ready: true })
    assert.deepEqual((await call('ModelReady', { name: 'pixels' })).body, { ready: true })
    assert.deepEqual((await call('ModelReady', { name: 'pixels', version: '9' })).body, { ready: false })
    assert.deepEqual((await call('ModelReady', { name: 'other' })).body, { ready: false })
    const { body } = await call('ServerMetadata', {})
    assert.deepEqual([body['name'], body['extensions']], ['millrace', ['binary_tensor_data', 'model_repository']])
    assert.deepEqual((await call('ModelMetadata', { name: 'pixels' })).body, {
      name: 'pixels',
      versions: ['1'],
      platform: 'onnx_onnxv1',
      inputs: [{ name: 'x', datatype: 'FP32', shape: ['-1', '3', '2', '2'] }],
      outputs: [
        { name: 'total', datatype: 'FP32', shape: ['-1'] },
        { name: 'shape', datatype: 'INT64', shape: ['4'] },
      ],
      properties: {},
    })
  })

  for (const [datatype, values] of Object.entries(VALUES)) {
    test(`${datatype} comes back as it was, typed and raw`, async () => {
      const field = fieldOf(datatype) ?? ''
      const elements = values.map((value) => (field.includes('64_') && typeof value === 'string' ? BigInt(value) : value))
      const sent = datatype === 'BYTES' ? values.map((value) => Buffer.from(String(value))) : values
      const input = { name: 'x', datatype, shape: ['1', '2'] }
      const typed = await call('ModelInfer', { model_name: datatype, inputs: [{ ...input, contents: { [field]: sent } }] })
      assert.equal(typed.code, 0, typed.message)
      assert.deepEqual(typed.body['raw_output_contents'], [])
      assert.partialDeepStrictEqual(typed.body['outputs'], [{ name: 'y', datatype, shape: ['1', '2'], contents: { [field]: sent } }])
      const data = convert(elements, datatype, 'x')
      const bytes = Buffer.from(isText(data) ? encodeStrings(data) : bytesOf(data))
      const raw = await call('ModelInfer', { model_name: datatype, inputs: [input], raw_input_contents: [bytes] })
      assert.equal(raw.code, 0, raw.message)
      assert.partialDeepStrictEqual(raw.body, { outputs: [{ name: 'y', datatype, shape: ['1', '2'], contents: null }], raw_output_contents: [bytes] })
    })
  }

  test('true and false are 1 and 0 to a model of numbers, typed and raw', async () => {
    const input = { name: 'x', datatype: 'BOOL', shape: ['1', '2'] }
    const typed = await call('ModelInfer', { model_name: 'FP32', inputs: [{ ...input, contents: { bool_contents: [true, false] } }] })
    assert.partialDeepStrictEqual(typed.body['outputs'], [{ name: 'y', datatype: 'FP32', contents: { fp32_contents: [1, 0] } }])
    const raw = await call('ModelInfer', { model_name: 'INT64', inputs: [input], raw_input_contents: [Buffer.from([1, 0])] })
    assert.deepEqual(raw.body['raw_output_contents'], [Buffer.from(BigInt64Array.of(1n, 0n).buffer)])
  })

  test('FP16 is raw, and only raw', async () => {
    const input = { name: 'x', datatype: 'FP16', shape: ['1', '2'] }
    const bytes = Buffer.from(new Uint16Array([0x3c00, 0xc000]).buffer)
    const { code, body } = await call('ModelInfer', { model_name: 'FP16', inputs: [input], raw_input_contents: [bytes] })
    assert.deepEqual([code, body['raw_output_contents']], [0, [bytes]])
    const typed = await call('ModelInfer', { model_name: 'FP16', inputs: [{ ...input, contents: { fp32_contents: [1, -2] } }] })
    assert.match(typed.message, /FP16 has no typed contents, expected raw_input_contents/)
  })

  test('the request’s id comes back, names it in the journal, and only the outputs asked for are answered', async () => {
    const { code, body, metadata } = await infer(pixels(), { id: 'cat', outputs: [{ name: 'total' }] })
    assert.equal(code, 0)
    assert.partialDeepStrictEqual(body, { model_name: 'pixels', model_version: '1', id: 'cat', outputs: [{ name: 'total', contents: { fp32_contents: [12] } }] })
    assert.deepEqual([metadata.get('x-request-id'), metadata.get('x-millrace-model-version')], [['cat'], ['1']])
    const named = await infer(pixels(), { id: 'any words at all' }, { 'x-request-id': 'dog' })
    assert.deepEqual([named.body['id'], named.metadata.get('x-request-id')], ['any words at all', ['dog']])
    const lines = (await (await fetch(`${service.url}/journal`)).text()).trim().split('\n').map((line) => JSON.parse(line))
    assert.deepEqual(lines.find(({ id }) => id === 'cat')?.tensors.outputs, { total: { datatype: 'FP32', shape: [1], data: [12] } })
    assert.ok(lines.some(({ id }) => id === 'dog'))
    const counted = await (await fetch(`${service.url}/metrics`)).text()
    assert.match(counted, /model_infer_request_duration_seconds_count\{.*model="pixels".*\} [1-9]/)
  })

  test('all outputs are answered where none is asked for', async () => {
    const { code, body } = await infer(pixels(), { outputs: [] })
    assert.equal(code, 0)
    assert.partialDeepStrictEqual(body, { outputs: [{ name: 'total' }, { name: 'shape' }] })
  })

  const BAD: readonly [string, object, object, number, string, RegExp][] = [
    ['a model that is not here', pixels(), { model_name: 'other' }, status.NOT_FOUND, 'NOT_FOUND', /no model other is deployed here/],
    ['a version that is not here', pixels(), { model_version: '7' }, status.NOT_FOUND, 'NOT_FOUND', /version 7 of pixels/],
    ['no inputs', pixels(), { inputs: [] }, status.INVALID_ARGUMENT, 'BAD_REQUEST', /inputs is empty/],
    ['an input that the model has not', pixels({ name: 'y' }), {}, status.INVALID_ARGUMENT, 'BAD_REQUEST', /inputs\[0\] \(y\): the model takes x/],
    ['a size that fits no weight of the model', { name: 'x', datatype: 'FP32', shape: ['1', '4'], contents: { fp32_contents: [1, 2, 3, 4] } }, { model_name: 'product' }, status.INVALID_ARGUMENT, 'INPUT_INVALID', /MatMul dimension mismatch/],
    ['another shape', pixels({ shape: ['1', '12'] }), {}, status.INVALID_ARGUMENT, 'INPUT_INVALID', /shape \[1, 12\], the model takes/],
    ['a negative size', pixels({ shape: ['-1', '12'] }), {}, status.INVALID_ARGUMENT, 'BAD_REQUEST', /expected a list of sizes/],
    ['fewer values than the shape says', pixels({ contents: { fp32_contents: [1] } }), {}, status.INVALID_ARGUMENT, 'BAD_REQUEST', /has 1 values in fp32_contents, its shape says 12/],
    ['no values', pixels({ contents: undefined }), {}, status.INVALID_ARGUMENT, 'BAD_REQUEST', /has 0 values/],
    ['values of another type', pixels({ contents: { int_contents: [1] } }), {}, status.INVALID_ARGUMENT, 'BAD_REQUEST', /has int_contents, expected fp32_contents for FP32/],
    ['a datatype that there is not', pixels({ datatype: 'COMPLEX' }), {}, status.INVALID_ARGUMENT, 'BAD_REQUEST', /datatype is COMPLEX, expected one of/],
    ['raw and typed at once', pixels(), { raw_input_contents: [Buffer.alloc(48)] }, status.INVALID_ARGUMENT, 'BAD_REQUEST', /expected one of them/],
    ['more raw tensors than inputs', pixels(), { raw_input_contents: [Buffer.alloc(48), Buffer.alloc(1)] }, status.INVALID_ARGUMENT, 'BAD_REQUEST', /raw_input_contents has 2 tensors, inputs has 1/],
    ['raw bytes that are too few', pixels({ contents: undefined }), { raw_input_contents: [Buffer.alloc(47)] }, status.INVALID_ARGUMENT, 'BAD_REQUEST', /has 47 bytes, 12 × FP32 take 48/],
    ['an output that the model has not', pixels(), { outputs: [{ name: 'z' }] }, status.INVALID_ARGUMENT, 'BAD_REQUEST', /outputs\[0\].name is "z"/],
    ['bytes that are no text', { name: 'x', datatype: 'BYTES', shape: ['1', '2'], contents: { bytes_contents: [Buffer.from([0xff]), Buffer.alloc(0)] } }, { model_name: 'BYTES' }, status.INVALID_ARGUMENT, 'INPUT_INVALID', /is no UTF-8/],
    ['a number beyond its datatype', { name: 'x', datatype: 'INT8', shape: ['1', '2'], contents: { int_contents: [128, 0] } }, { model_name: 'INT8' }, status.INVALID_ARGUMENT, 'INPUT_INVALID', /found 128, expected INT8/],
  ]
  for (const [name, input, more, code, known, message] of BAD) {
    test(`${name}: ${status[code]}, and says so`, async () => {
      const answer = await infer(input, more)
      assert.equal(answer.code, code, answer.message)
      assert.match(answer.message, message)
      assert.deepEqual(answer.metadata.get('x-millrace-error-code'), [known])
    })
  }

  test('a message over the limit of bodies is RESOURCE_EXHAUSTED', async () => {
    const { code } = await infer(pixels({ shape: ['500', '3', '2', '2'], contents: { fp32_contents: Array.from({ length: 6000 }, () => 1) } }))
    assert.equal(code, status.RESOURCE_EXHAUSTED)
  })

  test('what Triton has beyond the protocol is UNIMPLEMENTED', async () => {
    const { client } = grpcClient(port, SERVICE)
    const code = await new Promise((resolve) => {
      client.makeUnaryRequest(`/${SERVICE}/ModelStatistics`, () => Buffer.alloc(0), () => null, {}, (error) => resolve(error?.code))
    })
    client.close()
    assert.equal(code, status.UNIMPLEMENTED)
  })

  test('models are listed, unloaded and loaded; nothing is uploaded', async () => {
    const index = async () => (await call('RepositoryIndex', {})).body['models']
    assert.ok(Array.isArray(await index()))
    assert.equal((await call('RepositoryModelUnload', { model_name: 'plain' })).code, 0)
    const refused = await call('ModelInfer', { model_name: 'plain', inputs: [] })
    assert.deepEqual([refused.code, refused.metadata.get('x-millrace-error-code')], [status.UNAVAILABLE, ['MODEL_UNLOADED']])
    assert.match(refused.message, /^plain was unloaded; POST \/v2\/repository\/models\/plain\/load loads it again/)
    assert.deepEqual((await call('ModelReady', { name: 'plain' })).body, { ready: false })
    assert.deepEqual((await call('ServerReady', {})).body, { ready: true })
    const upload = await call('RepositoryModelLoad', { model_name: 'plain', parameters: { 'file:1/model.onnx': { bytes_param: Buffer.from('x') } } })
    assert.deepEqual([upload.code, upload.message.includes('nothing can be uploaded')], [status.INVALID_ARGUMENT, true])
    assert.equal((await call('RepositoryModelLoad', { model_name: 'plain' })).code, 0)
    assert.equal((await call('RepositoryModelLoad', { model_name: 'other' })).code, status.NOT_FOUND)
    writeFileSync(join(folder, 'models', 'plain', 'config.pbtxt'), 'platform: "tensorflow_savedmodel"')
    assert.equal((await call('RepositoryModelLoad', { model_name: 'plain' })).code, status.FAILED_PRECONDITION)
    assert.equal((await call('RepositoryModelUnload', { model_name: 'plain' })).code, 0)
    assert.equal((await call('RepositoryModelLoad', { model_name: 'plain' })).code, status.FAILED_PRECONDITION)
    // It was to be loaded and could not.
    assert.deepEqual((await call('ServerReady', {})).body, { ready: false })
    rmSync(join(folder, 'models', 'plain', 'config.pbtxt'))
    assert.equal((await call('RepositoryModelLoad', { model_name: 'plain' })).code, 0)
  })

  test('health is SERVING, of this service alone', async () => {
    const health = grpcClient(port, 'grpc.health.v1.Health', protoPath)
    for (const name of ['', SERVICE]) assert.deepEqual((await health.call('Check', { service: name })).body, { status: 'SERVING' })
    assert.equal((await health.call('Check', { service: 'other' })).code, status.NOT_FOUND)
    health.client.close()
  })

  test('reflection names the services and their messages', async () => {
    const proto = join(import.meta.dirname, '..', '..', '..', 'node_modules', '@grpc', 'reflection', 'build', 'proto', 'grpc', 'reflection', 'v1', 'reflection.proto')
    const definition = loadSync(proto, { keepCase: true })
    const { ServerReflectionInfo: method } = definition['grpc.reflection.v1.ServerReflection'] as ServiceDefinition
    assert.ok(method)
    const { client } = grpcClient(port, SERVICE)
    const stream = client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize)
    const answered = once(stream, 'data')
    stream.write({ list_services: '' })
    const [answer] = await answered
    stream.end()
    client.close()
    assert.ok(answer.list_services_response.service.some(({ name }: { name: string }) => name === SERVICE), JSON.stringify(answer))
  })

  test('a port that is taken stops the start, and the error says which', async () => {
    const config = testConfig({ yaml: 'model_repository: models' })
    const taken = { ...config, services: { ...config.services, serving: { ...config.services.serving, grpc_port: port } } }
    const other = mkdtempSync(join(folder, 'other-'))
    mkdirSync(join(other, 'models'))
    await assert.rejects(startForTest(servingService, taken, { projectFolder: other }), { code: 'PORT_TAKEN', message: new RegExp(`gRPC of serving cannot listen at 127.0.0.1:${port}`) })
  })
})

test('a model with feature engineering is asked by its columns, and what was begun is answered when the service stops', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'grpc-rows-'))
  const registry = await startRegistry(join(folder, 'registry'))
  registry.add('1', join(FIXTURES, 'one'))
  registry.move('champion', '1')
  const port = await freePort()
  const config = testConfig({ tracking: registry.url, gateway: registry.url, yaml: 'deployments: [{model: delay}]' })
  const service = await startForTest(servingService, { ...config, services: { ...config.services, serving: { ...config.services.serving, grpc_port: port } } }, { projectFolder: join(folder, 'project') })
  await ready(service.url)
  const { call, client } = grpcClient(port, SERVICE)
  const health = grpcClient(port, 'grpc.health.v1.Health', protoPath)
  const tensors = (Object.entries(ROW) as [string, string | number][]).map(([name, value]) =>
    typeof value === 'string'
      ? { name, datatype: 'BYTES', shape: ['1'], contents: { bytes_contents: [Buffer.from(value)] } }
      : { name, datatype: 'FP64', shape: ['1', '1'], contents: { fp64_contents: [value] } },
  )
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => call('ModelInfer', { model_name: 'delay', id: `row-${i}`, inputs: tensors })))
  assert.deepEqual([...new Set(answers.map(({ code, message }) => `${code} ${message}`))], ['0 '])
  const rest = await fetch(`${service.url}/invocations`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ dataframe_records: [ROW] }) })
  const [{ probability }] = JSON.parse(await rest.text()).predictions
  assert.partialDeepStrictEqual(answers[0]?.body['outputs'], [{ name: 'label' }, { name: 'probability', contents: { fp64_contents: [probability] } }])

  let begun = 0
  const last = Array.from({ length: 20 }, () => call('ModelInfer', { model_name: 'delay', inputs: tensors }).then((answer) => (begun++, answer)))
  await until(() => begun > 0)
  await service.stop()
  for (const { code, message } of await Promise.all(last)) assert.ok(code === 0 || code === status.UNAVAILABLE, message)
  assert.equal((await call('ServerLive', {}, {}, 300)).code === 0, false)
  client.close()
  health.client.close()
  await registry.close()
  rmSync(folder, { recursive: true, force: true })
})
