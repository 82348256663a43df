import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { binMatrix, quantileThresholds, slotMatrix } from './bins.ts'

const values = fc.array(fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(Number.NaN, 0, -0, 1, 1.5, Infinity, -Infinity)), { minLength: 1, maxLength: 300 })

test('there are at most max_bin bins, and their thresholds ascend', () => {
  fc.assert(
    fc.property(values, fc.integer({ min: 2, max: 255 }), (column, maxBins) => {
      const thresholds = quantileThresholds(Float32Array.from(column), maxBins)
      assert.ok(thresholds.length <= maxBins - 1)
      for (let i = 1; i < thresholds.length; i++) assert.ok(thresholds[i - 1]! < thresholds[i]!)
    }),
  )
})

test('every threshold t lies in low ≤ t < high between two neighbouring values, so that `value ≤ t` parts them in float32', () => {
  fc.assert(
    fc.property(values, (column) => {
      const present = [...new Set(Float32Array.from(column).filter((value) => !Number.isNaN(value)))].sort((a, b) => a - b)
      for (const t of quantileThresholds(Float32Array.from(column), 255)) {
        const next = present.findIndex((value) => value > t)
        assert.ok(next > 0, `${t} has values on both sides`)
      }
    }),
  )
})

test('a value is in bin b exactly if it is at most threshold b and above the one before; a missing one is in the last slot', () => {
  fc.assert(
    fc.property(values, fc.integer({ min: 2, max: 20 }), (column, maxBins) => {
      const floats = Float32Array.from(column)
      const binned = binMatrix({ rows: floats.length, columns: [floats] }, maxBins)
      const thresholds = binned.thresholds[0]!
      floats.forEach((value, row) => {
        const bin = binned.slots[row]!
        if (Number.isNaN(value)) assert.equal(bin, thresholds.length + 1)
        else {
          assert.ok(bin === thresholds.length || value <= thresholds[bin]!)
          assert.ok(bin === 0 || value > thresholds[bin - 1]!)
        }
      })
    }),
  )
})

test('bins hold about equally many rows, and a frequent value has one of its own', () => {
  const column = Float32Array.from({ length: 10_000 }, (_, i) => (i < 4000 ? 5 : (i * 7919) % 10_007))
  const { slots, thresholds } = binMatrix({ rows: column.length, columns: [column] }, 20)
  const counts = new Map<number, number>()
  for (const slot of slots) counts.set(slot, (counts.get(slot) ?? 0) + 1)
  assert.equal(thresholds[0]!.length + 1, counts.size)
  const sizes = [...counts.values()].sort((a, b) => b - a)
  assert.ok(sizes[0]! >= 4000 && sizes[0]! < 4500, `the frequent value's bin holds ${sizes[0]}`)
  assert.ok(sizes[1]! < 700, `another holds ${sizes[1]}`)
})

test('columns own disjoint slots', () => {
  const columns = [Float32Array.of(1, 2, Number.NaN), Float32Array.of(3, 3, 3)]
  const binned = slotMatrix({ rows: 3, columns }, [Float32Array.of(1.5), Float32Array.of()])
  assert.deepEqual([...binned.offsets], [0, 3, 5])
  assert.deepEqual([...binned.slots], [0, 3, 1, 3, 2, 3])
})
