import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { MillraceError } from '../../platform/errors/index.ts'
import { FIXTURES } from '../testing.ts'
import { readArtifact } from './artifact.ts'
import { LoadedModel } from './model.ts'
import { withoutZipMap } from './zipmap.ts'

interface Expected {
  readonly rows: readonly (readonly number[])[]
  readonly sklearn: readonly (readonly number[])[]
  readonly lightgbm: readonly (readonly number[])[]
}

const expected: Expected = JSON.parse(readFileSync(join(FIXTURES, 'zipmap.json'), 'utf8'))

describe('classifiers as their converters export them', () => {
  for (const [library, output] of [['sklearn', 'output_probability'], ['lightgbm', 'probabilities']] as const) {
    test(`${library}: the probabilities are a tensor under the name that the maps had, and what the library predicts`, async () => {
      const model = await LoadedModel.load(library, '1', readArtifact(join(FIXTURES, library)))
      const { tensors } = model
      assert.ok(tensors)
      assert.deepEqual(tensors.outputs.find(({ name }) => name === output), { name: output, datatype: 'FP32', shape: [-1, 2] })
      const [input] = tensors.inputs
      const data = Float32Array.from(expected.rows.flat())
      const answer = await model.infer(new Map([[input?.name ?? '', { datatype: 'FP32', shape: [2, 3], data }]]), [output])
      const found = Array.from(answer.get(output)?.data ?? [], Number)
      for (const [i, value] of expected[library].flat().entries()) assert.ok(Math.abs((found[i] ?? 9) - value) < 1e-5, `${found[i]} ≠ ${value}`)
      assert.equal(model.byRows.kind, 'classifier')
      model.retire()
    })
  }

  test('a model without ZipMap is left as it is', () => {
    assert.equal(withoutZipMap(readFileSync(join(FIXTURES, 'plain', 'model.onnx'))), null)
  })

  test('bytes that are no model are refused, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          withoutZipMap(bytes)
        } catch (error) {
          assert.ok(error instanceof MillraceError && error.code === 'MODEL_INVALID', String(error))
        }
      }),
    )
  })

  test('a model cut off anywhere is refused or left alone', () => {
    const whole = readFileSync(join(FIXTURES, 'sklearn', 'model.onnx'))
    for (let length = 0; length < whole.length; length++) {
      try {
        withoutZipMap(whole.subarray(0, length))
      } catch (error) {
        assert.ok(error instanceof MillraceError && error.code === 'MODEL_INVALID', `${length}: ${String(error)}`)
      }
    }
  })
})
