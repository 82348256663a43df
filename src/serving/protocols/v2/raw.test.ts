import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ModelShape, RowShape } from '../protocol.ts'
import { v2Protocol } from './index.ts'

type Dimensions = readonly number[]

const model = (datatype: string, shape: Dimensions, batch = 1): ModelShape => ({
  tensors: { inputs: [{ name: 'x', datatype, shape }], outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }] },
  rows: null,
  batch,
  get byRows(): never {
    throw new Error('not by rows')
  },
})

const parse = async (shape: ModelShape, bytes: Buffer) => v2Protocol.parse({ bytes, headers: { 'inference-header-content-length': '0' }, maxRows: 10_000 }, shape)

/** As Triton deduces it: InferenceRequest::Normalize in triton-inference-server/core, src/infer_request.cc; qa/L0_http tests it. */
describe('a body that is one raw tensor', () => {
  const TAKEN: readonly [string, Dimensions, number, Dimensions, number?][] = [
    ['FP32', [-1], 12, [3]],
    ['FP16', [-1], 6, [3]],
    ['INT32', [-1], 12, [3]],
    ['BOOL', [-1], 3, [3]],
    ['FP64', [-1], 24, [3]],
    ['INT8', [-1], 3, [3]],
    ['UINT64', [-1], 24, [3]],
    ['FP32', [-1, 30], 120, [1, 30]],
    ['FP32', [-1, 30], 360, [3, 30]],
    ['FP16', [-1, 3, 2, 2], 48, [2, 3, 2, 2]],
    ['INT32', [1, 30], 120, [1, 30]],
    ['INT64', [1, -1], 40, [1, 5]],
    ['FP32', [2, 2], 16, [2, 2]],
    ['FP32', [-1, -1], 40, [1, 10], 8],
    ['BOOL', [-1, 2, -1], 10, [1, 2, 5], 8],
    ['FP32', [-1, 30], 360, [3, 30], 8],
  ]
  for (const [datatype, shape, bytes, expected, batch] of TAKEN) {
    test(`${datatype} [${shape.join(', ')}]${batch ? ', a batch' : ''}, of ${bytes} bytes, is [${expected.join(', ')}]`, async () => {
      const parsed = await parse(model(datatype, shape, batch), Buffer.alloc(bytes))
      assert.ok('tensors' in parsed)
      const x = parsed.tensors.get('x')
      assert.deepEqual([x?.datatype, x?.shape], [datatype, expected])
    })
  }

  const REFUSED: readonly [string, ModelShape, number, RegExp][] = [
    ['bytes that are no whole number of rows', model('FP32', [-1, 30]), 119, /has 119 bytes, expected a multiple of 120 for input x, FP32 \[-1, 30\]/],
    ['too many for a fixed shape', model('FP32', [2, 2]), 32, /has 32 bytes, expected 16 for input x, FP32 \[2, 2\]/],
    ['two dimensions of any size', model('FP32', [-1, -1]), 40, /has 2 dimensions of any size: the shape cannot be told from 40 bytes/],
    ['three, one of them the batch', model('FP32', [-1, -1, -1], 8), 40, /has 3 dimensions of any size/],
    ['a tensor of nothing', model('FP32', [-1, 0]), 40, /has 40 bytes, expected/],
    ['text', model('BYTES', [-1]), 5, /only a model with one input, of numbers, takes/],
  ]
  for (const [name, shape, bytes, message] of REFUSED) {
    test(`${name}: refused, and says so`, () => assert.rejects(parse(shape, Buffer.alloc(bytes)), { code: 'BAD_REQUEST', message }))
  }

  test('of a model by rows of one column it is that column', async () => {
    const rows: RowShape = { columns: [{ name: 'a', type: 'double', required: true }], signed: true, kind: 'regressor', answers: [] }
    const parsed = await parse({ tensors: null, rows, byRows: rows, batch: 1 }, Buffer.from(Float64Array.of(1.5, -2).buffer))
    assert.deepEqual('rows' in parsed && parsed.rows, [{ a: 1.5 }, { a: -2 }])
  })
})
