import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { rocCurve } from './curves.ts'
import { accuracy, baseRate, brier, calibrationBins, constantLogLoss, expectedCalibrationError, logLoss, rocAuc } from './metrics.ts'

/** Few distinct scores, so that ties are common. */
const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 12 }).map((n) => n / 12), fc.constantFrom(0, 1)), { maxLength: 80 })
const apart = (pairs: readonly (readonly [number, number])[]) => [pairs.map(([score]) => score), pairs.map(([, label]) => label)] as const

test('AUC is the share of pairs ordered rightly, ties counting half', () => {
  fc.assert(
    fc.property(rows, (pairs) => {
      const positives = pairs.filter(([, label]) => label === 1)
      const negatives = pairs.filter(([, label]) => label === 0)
      let won = 0
      for (const [p] of positives) for (const [n] of negatives) won += p > n ? 1 : p === n ? 0.5 : 0
      const auc = rocAuc(...apart(pairs))
      if (positives.length === 0 || negatives.length === 0) assert.ok(Number.isNaN(auc))
      else assert.ok(Math.abs(auc - won / (positives.length * negatives.length)) < 1e-12)
    }),
  )
})

test('the area under the ROC curve is the AUC, and the curve only rises', () => {
  fc.assert(
    fc.property(rows, (pairs) => {
      const [scores, labels] = apart(pairs)
      const curve = rocCurve(scores, labels, 1000)
      let area = 0
      for (let i = 1; i < curve.length; i++) {
        const [a, b] = [curve[i - 1]!, curve[i]!]
        assert.ok(b.fpr >= a.fpr && b.tpr >= a.tpr && b.threshold < a.threshold)
        area += ((b.fpr - a.fpr) * (a.tpr + b.tpr)) / 2
      }
      if (curve.length > 0) assert.ok(Math.abs(area - rocAuc(scores, labels)) < 1e-12)
    }),
  )
})

test('a long ROC curve is thinned to the limit, and keeps its ends and its area', () => {
  const scores = Float64Array.from({ length: 5000 }, (_, i) => ((i * 7919) % 5003) / 5003)
  const labels = Float64Array.from(scores, (score, i) => (((i * 104729) % 1009) / 1009 < score ? 1 : 0))
  const curve = rocCurve(scores, labels, 100)
  assert.ok(curve.length <= 100 && curve.length > 80)
  assert.deepEqual([curve[0]!.fpr, curve[0]!.tpr, curve.at(-1)!.fpr, curve.at(-1)!.tpr], [0, 0, 1, 1])
  const area = curve.reduce((sum, b, i) => (i === 0 ? 0 : sum + ((b.fpr - curve[i - 1]!.fpr) * (curve[i - 1]!.tpr + b.tpr)) / 2), 0)
  assert.ok(Math.abs(area - rocAuc(scores, labels)) < 1e-3)
})

test('log loss punishes certainty by a finite amount', () => {
  assert.equal(logLoss([0.5, 0.5], [0, 1]), Math.LN2)
  assert.ok(Math.abs(logLoss([1, 0], [0, 1]) - 36.04) < 0.01)
  assert.ok(logLoss([1, 0], [1, 0]) < 1e-15)
})

test('a perfect forecast of the base rate has that constant log loss and no calibration error', () => {
  const labels = [1, 0, 0, 0]
  const scores = labels.map(() => 0.25)
  assert.ok(Math.abs(logLoss(scores, labels) - constantLogLoss(0.25, 0.25)) < 1e-15)
  assert.equal(expectedCalibrationError(scores, labels), 0)
  assert.equal(brier(scores, labels), 0.1875)
  assert.equal(baseRate(labels), 0.25)
})

test('accuracy counts a score at the threshold as positive', () => {
  assert.equal(accuracy([0.5, 0.49, 0.9, 0.1], [1, 0, 0, 1]), 0.5)
})

test('calibration bins hold every row once, in order of score, and rows of one score together', () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 12 }), (pairs, count) => {
      const [scores, labels] = apart(pairs)
      const bins = calibrationBins(scores, labels, count)
      assert.equal(bins.reduce((sum, bin) => sum + bin.rows, 0), pairs.length)
      assert.ok(bins.length <= count)
      assert.ok(bins.every((bin, i) => i === 0 || bin.predicted > bins[i - 1]!.predicted))
      const observed = bins.reduce((sum, bin) => sum + bin.observed * bin.rows, 0)
      assert.ok(Math.abs(observed - labels.reduce<number>((sum, label) => sum + label, 0)) < 1e-9)
      const error = expectedCalibrationError(scores, labels, count)
      assert.ok(pairs.length === 0 ? Number.isNaN(error) : error >= 0 && error <= 1)
    }),
  )
})

test('no rows give no metric', () => {
  for (const metric of [rocAuc, logLoss, brier, expectedCalibrationError, accuracy]) assert.ok(Number.isNaN(metric([], [])))
  assert.deepEqual(rocCurve([], []), [])
})
