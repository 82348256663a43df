import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { npmi } from '../correlation.ts'
import { tokensOf } from '../usage.ts'
import { quantile } from './aggregate.ts'

test('quantiles are between their neighbours, and the ends are the least and the greatest', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1 }), fc.double({ noNaN: true, min: 0, max: 1 }), (values, q) => {
      const sorted = Float64Array.from(values).toSorted()
      // Not assert.equal, for which 0 and -0 are two.
      assert.ok(quantile(sorted, 0) === sorted[0] && quantile(sorted, 1) === sorted.at(-1))
      const place = q * (sorted.length - 1)
      const [below, above] = [sorted[Math.floor(place)] ?? 0, sorted[Math.ceil(place)] ?? 0]
      const rounding = 1e-12 * Math.max(Math.abs(below), Math.abs(above))
      assert.ok(quantile(sorted, q) >= below - rounding && quantile(sorted, q) <= above + rounding)
    }),
  )
  // numpy.quantile([1, 2, 4, 8], .4)
  assert.equal(quantile(Float64Array.of(1, 2, 4, 8), 0.4).toFixed(10), '2.4000000000')
})

test('the correlation of two filters is 1 where they find the same, 0 where they know nothing of one another, and smoothed within both', () => {
  assert.equal(npmi([10, 0, 0, 0], 0.5), 1)
  assert.ok(Math.abs(npmi([25, 25, 25, 25], 0)) < 1e-12)
  // mlflow.store.analytics.trace_correlation.calculate_npmi_from_counts(10, 20, 15, 100)
  assert.equal(npmi([10, 10, 5, 75], 0).toFixed(12), '0.522878745280')
  assert.equal(npmi([10, 10, 5, 75], 0.5).toFixed(12), '0.509868999183')
})

test('tokens count once, at the highest span that tells of them', () => {
  const usage = (input: number, output: number) => ({ 'mlflow.chat.tokenUsage': JSON.stringify({ input_tokens: input, output_tokens: output, total_tokens: input + output }) })
  const nodes = [
    { span_id: 'root', parent_id: null, attributes: {} },
    { span_id: 'agent', parent_id: 'root', attributes: usage(30, 3) },
    { span_id: 'step', parent_id: 'agent', attributes: {} },
    { span_id: 'call', parent_id: 'step', attributes: usage(30, 3) },
    { span_id: 'other', parent_id: 'root', attributes: usage(5, 1) },
  ]
  assert.deepEqual(tokensOf(nodes), { input_tokens: 35, output_tokens: 4, total_tokens: 39 })
  assert.equal(tokensOf(nodes.slice(0, 1)), undefined)
  assert.deepEqual(tokensOf([{ span_id: 'a', parent_id: 'b', attributes: usage(1, 1) }, { span_id: 'b', parent_id: 'a', attributes: {} }]), { input_tokens: 1, output_tokens: 1, total_tokens: 2 })
})
