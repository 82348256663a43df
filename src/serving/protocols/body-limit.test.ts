import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { projectConfigSchema } from '../../domain/config.ts'
import { parseConfig } from '../../platform/config/index.ts'
import { freePort } from '../../platform/http/testing.ts'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { bodyLimitsOf } from '../deployments.ts'
import { type Call, grpcClient } from '../grpc/testing.ts'
import { servingService } from '../index.ts'
import { FIXTURES, ready } from '../testing.ts'

const MEGABYTE = 1024 * 1024
/** Of `pixels`: [N, 3, 2, 2] of FP32. */
const ROW_BYTES = 48
const LIMITS = 'deployments: [{model: pixels, limits: {max_rows: 1000000}}]'

const configOf = (yaml: string) => parseConfig(projectConfigSchema, `project: test\n${yaml}`, 'millrace.yaml')

test('limits of bodies: what predictions have of their own, or of all services', () => {
  const limits = (yaml: string) => bodyLimitsOf(configOf(yaml))
  assert.deepEqual(limits(''), { raw: 16 * MEGABYTE, parsed: 2 * MEGABYTE })
  assert.deepEqual(limits('http: {body_limit: 4096}'), { raw: 4096, parsed: 4096 })
  assert.deepEqual(limits('http: {body_limit: 4096}\nservices: {serving: {body_limit: 50000000, json_limit: 3000000}}'), { raw: 50_000_000, parsed: 3_000_000 })
})

describe('bodies larger than JSON may be', () => {
  let folder: string
  let service: TestService
  let call: Call
  let close: () => void

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'body-limit-'))
    mkdirSync(join(folder, 'models', 'pixels', '1'), { recursive: true })
    cpSync(join(FIXTURES, 'pixels', 'model.onnx'), join(folder, 'models', 'pixels', '1', 'model.onnx'))
    const port = await freePort()
    service = await startForTest(servingService, configOf(`model_repository: models\nservices: {serving: {grpc_port: ${port}, body_limit: ${6 * MEGABYTE}}}\n${LIMITS}`), { projectFolder: folder })
    await ready(service.url)
    const grpc = grpcClient(port, 'inference.GRPCInferenceService')
    call = grpc.call
    close = () => grpc.client.close()
  })

  after(async () => {
    close()
    await service.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const rows = 100_000
  const ones = Buffer.from(new Float32Array(rows * 12).fill(1).buffer)
  const head = (more: object) => Buffer.from(JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [rows, 3, 2, 2], parameters: { binary_data_size: ones.length } }], outputs: [{ name: 'shape' }], ...more }))
  const post = async (body: Buffer, headers: Readonly<Record<string, string>>, path = '/v2/models/pixels/infer') => {
    const response = await fetch(`${service.url}${path}`, { method: 'POST', headers, body: new Uint8Array(body) })
    return { status: response.status, text: await response.text() }
  }

  test('raw tensors are taken', async () => {
    const json = head({})
    const { status: code, text } = await post(Buffer.concat([json, ones]), { 'inference-header-content-length': String(json.length) })
    assert.equal(code, 200, text)
    assert.deepEqual(JSON.parse(text).outputs[0].data, [rows, 3, 2, 2])
  })

  test('so is a body that is one raw tensor', async () => {
    const { status: code, text } = await post(ones, { 'inference-header-content-length': '0' })
    assert.equal(code, 200, text.slice(0, 200))
    assert.deepEqual(JSON.parse(text).outputs[1].data, [rows, 3, 2, 2])
  })

  test('and a message of gRPC', async () => {
    const asked = { model_name: 'pixels', inputs: [{ name: 'x', datatype: 'FP32', shape: [rows, 3, 2, 2].map(String) }], outputs: [{ name: 'shape' }] }
    const { code, message, body } = await call('ModelInfer', { ...asked, raw_input_contents: [ones] })
    assert.equal(code, 0, message)
    assert.partialDeepStrictEqual(body, { outputs: [{ name: 'shape', shape: ['4'] }] })
    const typed = await call('ModelInfer', { ...asked, inputs: [{ ...asked.inputs[0], contents: { fp32_contents: Array.from({ length: rows * 12 }, () => 1) } }] })
    assert.deepEqual([typed.code, typed.metadata.get('x-millrace-error-code')], [status.RESOURCE_EXHAUSTED, ['BODY_TOO_LARGE']])
  })

  const large = Buffer.alloc(3 * MEGABYTE, ' ')
  const REFUSED: readonly [string, Buffer, Readonly<Record<string, string>>, string][] = [
    ['JSON', large, {}, '/v2/models/pixels/infer'],
    ['JSON before raw tensors', large, { 'inference-header-content-length': String(large.length) }, '/v2/models/pixels/infer'],
    ['a length of the JSON that is no number', large, { 'inference-header-content-length': 'none' }, '/v2/models/pixels/infer'],
    ['CSV', large, { 'content-type': 'text/csv' }, '/invocations'],
    ['another protocol with the header of raw tensors', large, { 'inference-header-content-length': '0' }, '/invocations'],
    ['raw tensors over the limit', Buffer.alloc(6 * MEGABYTE + ROW_BYTES), { 'inference-header-content-length': '0' }, '/v2/models/pixels/infer'],
  ]
  for (const [name, body, headers, path] of REFUSED) {
    test(`${name}: 413`, async () => {
      const { status: code, text } = await post(body, headers, path)
      assert.equal(code, 413, text)
      assert.match(text, /the limit is (2097152|6291456)/)
    })
  }

  test('a load with a file in it is refused, however long it is', async () => {
    const body = Buffer.from(JSON.stringify({ parameters: { 'file:1/model.onnx': 'A'.repeat(3 * MEGABYTE) } }))
    assert.equal((await post(body, { 'content-type': 'application/json' }, '/v2/repository/models/pixels/load')).status, 400)
  })
})
