import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { FIXTURES } from '../testing.ts'
import { runFailure } from './run-failure.ts'
import { openModelSession } from './session/open.ts'
import { convert } from './tensor/convert.ts'
import { runSession } from './tensor/session.ts'
import { type TensorValue, countOf } from './tensor/value.ts'

const floats = (...shape: number[]): TensorValue => ({ datatype: 'FP32', shape, data: new Float32Array(countOf(shape)).fill(1) })
const of = (datatype: string, shape: readonly number[], ...values: unknown[]): TensorValue => ({ datatype, shape, data: convert(values, datatype, 'x') })
const whole = (value: number) => of('INT64', [], value)

type Inputs = Readonly<Record<string, TensorValue>>
/** A model of fixtures/faults, what it cannot run on, what ONNX Runtime says of it, and what it can run on. */
const FAULTS: readonly (readonly [string, Inputs, RegExp, Inputs])[] = [
  ['matmul', { x: floats(2, 4) }, /MatMul dimension mismatch/, { x: floats(2, 3) }],
  ['gemm', { x: floats(2, 4) }, /Dimension mismatch/, { x: floats(2, 3) }],
  ['add', { a: floats(2, 4), b: floats(2, 3) }, /broadcast an axis/, { a: floats(2, 4), b: floats(2, 4) }],
  ['concat', { a: floats(2, 4), b: floats(3, 4) }, /dimensions must match/, { a: floats(2, 4), b: floats(2, 1) }],
  ['gather', { i: of('INT64', [1], 7) }, /idx=7 must be within/, { i: of('INT64', [1], 4) }],
  ['gather-elements', { i: of('INT64', [1, 2], 9, 9) }, /Out of range value/, { i: of('INT64', [1, 2], 0, 4) }],
  ['gather-elements', { i: of('INT64', [1, 3], 0, 0, 0) }, /indices shape/, { i: of('INT64', [1, 1], 0) }],
  ['reshape', { x: floats(1, 3) }, /cannot be reshaped/, { x: floats(2, 2) }],
  ['squeeze', { x: floats(1, 2) }, /must be 1 instead of 2/, { x: floats(2, 1) }],
  ['expand', { x: floats(1, 3) }, /invalid expand shape/, { x: floats(1, 1) }],
  ['conv', { x: floats(1, 2, 5, 5) }, /Input channels/, { x: floats(1, 3, 5, 5) }],
  ['conv', { x: floats(1, 3, 1, 1) }, /Invalid input shape/, { x: floats(1, 3, 3, 3) }],
  ['max-pool', { x: floats(1, 1, 1, 1) }, /dimension is negative/, { x: floats(1, 1, 3, 3) }],
  ['arg-max', { x: floats(1, 0) }, /input x, which has no elements/, { x: floats(1, 1) }],
  ['one-hot', { x: of('BYTES', [1], 'z') }, /Unknown Category/, { x: of('BYTES', [1], 'a') }],
  ['cast', { x: of('BYTES', [1], 'z') }, /text as a number/, { x: of('BYTES', [1], '1.5') }],
  ['tree', { x: floats(1, 2) }, /input tensor has 2 features/, { x: floats(1, 5) }],
  ['range', { from: whole(0), to: whole(5), by: whole(0) }, /can not be zero/, { from: whole(0), to: whole(5), by: whole(1) }],
]

describe('a run that fails', () => {
  for (const place of ['loop', 'thread'] as const) {
    for (const [model, inputs, message, fitting] of FAULTS) {
      const shapes = Object.values(inputs).map(({ shape }) => `[${shape.join(', ')}]`)
      test(`in a ${place}, on what ${model} cannot take (${shapes.join(' and ')}), is the caller's fault`, async () => {
        const session = await openModelSession(join(FIXTURES, 'faults', `${model}.onnx`), place)
        try {
          await assert.rejects(runSession(session, new Map(Object.entries(inputs)), ['y']), { code: 'INPUT_INVALID', message })
          assert.ok((await runSession(session, new Map(Object.entries(fitting)), ['y'])).has('y'))
        } finally {
          await session.release()
        }
      })
    }
  }

  test('for want of memory is not', async () => {
    const session = await openModelSession(join(FIXTURES, 'faults', 'range.onnx'))
    const huge = new Map(Object.entries({ from: whole(0), to: whole(1e13), by: whole(1) }))
    await assert.rejects(runSession(session, huge, ['y']), { code: 'PREDICTION_FAILED', message: /Failed to allocate memory/ })
    await session.release()
  })

  for (const words of ['Non-zero status code returned while running Foo node. Name:\'\' Status Message: CUDA error cudaErrorInvalidValue: invalid argument', 'worker stopped', '']) {
    test(`in words that blame nobody (${words || 'none'}) is not`, () => assert.equal(runFailure(new Error(words)).code, 'PREDICTION_FAILED'))
  }
})
