import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { decideCandidate, decidePromotion, normalQuantile, pairedLowerBound } from './gates.ts'

const thresholds = { max_calibration_error: 0.05, max_latency_ms: 20, min_base_rate_gain: 0.005 }
const good = { log_loss: 0.48, base_rate_log_loss: 0.52, ece: 0.01, latency_p99_ms: 2 }
const online = { needed: ['weather:temp'], unavailable: [] }
const terms = { confidence: 0.9, margin: -0.002, min_pairs: 50 }

const candidates: readonly { name: string; metrics: Readonly<Record<string, number>>; unavailable?: readonly string[]; failed: readonly string[] }[] = [
  { name: 'a good one passes', metrics: good, failed: [] },
  { name: 'one no better than the base rate is refused', metrics: { ...good, log_loss: 0.516 }, failed: ['log_loss'] },
  { name: 'one exactly at the limits passes', metrics: { ...good, base_rate_log_loss: 0.5, log_loss: 0.495, ece: 0.05, latency_p99_ms: 20 }, failed: [] },
  { name: 'one badly calibrated is refused', metrics: { ...good, ece: 0.051 }, failed: ['ece'] },
  { name: 'a slow one is refused', metrics: { ...good, latency_p99_ms: 21 }, failed: ['latency_p99_ms'] },
  { name: 'one whose run logged nothing is refused on each count', metrics: {}, failed: ['log_loss', 'ece', 'latency_p99_ms'] },
  { name: 'one whose loss is not a number is refused', metrics: { ...good, log_loss: NaN }, failed: ['log_loss'] },
  { name: 'one that needs a feature that is not served is refused', metrics: good, unavailable: ['weather:temp'], failed: ['features_available'] },
]
for (const { name, metrics, unavailable = [], failed } of candidates) {
  test(`candidate gate: ${name}`, () => {
    const decision = decideCandidate({ metrics, features: { ...online, unavailable } }, thresholds)
    assert.deepEqual(decision.checks.filter((check) => !check.passed).map((check) => check.name), failed)
    assert.equal(decision.passed, failed.length === 0)
  })
}

test('a refusal says in words what was compared with what', () => {
  const { checks } = decideCandidate({ metrics: { ...good, log_loss: 0.53 }, features: online }, thresholds)
  assert.deepEqual(checks[0], { name: 'log_loss', passed: false, value: 0.53, rule: 'log_loss <= 0.515 (base rate 0.52 less 0.005)' })
})

test('the lower bound is mean less z times the standard error', () => {
  const { mean, standard_error: se, lower, pairs } = pairedLowerBound([0.1, 0.2, 0.3, 0.4], 0.9)
  assert.ok(Math.abs(mean - 0.25) < 1e-12)
  assert.ok(Math.abs(se - 0.06454972243679027) < 1e-12)
  assert.ok(Math.abs(lower - (0.25 - 1.2815515655446004 * 0.06454972243679027)) < 1e-8)
  assert.equal(pairs, 4)
})

test('the normal quantile meets its known values and is odd around one half', () => {
  for (const [p, z] of [[0.5, 0], [0.9, 1.2815515655446004], [0.975, 1.959963984540054], [0.999, 3.090232306167813]] as const) {
    assert.ok(Math.abs(normalQuantile(p) - z) < 1e-8)
    assert.ok(Math.abs(normalQuantile(1 - p) + z) < 1e-8)
  }
})

test('more confidence never raises the bound, and shifting all gains shifts it as much', () => {
  const gains = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 2, maxLength: 100 })
  fc.assert(
    fc.property(gains, fc.double({ min: 0.51, max: 0.98, noNaN: true }), fc.double({ min: -1, max: 1, noNaN: true }), (values, confidence, shift) => {
      const { lower, mean } = pairedLowerBound(values, confidence)
      assert.ok(lower <= mean + 1e-12)
      assert.ok(pairedLowerBound(values, confidence + 0.01).lower <= lower + 1e-12)
      assert.ok(Math.abs(pairedLowerBound(values.map((v) => v + shift), confidence).lower - lower - shift) < 1e-9)
    }),
  )
})

test('a challenger that is level is promoted under a negative margin and refused under a positive one', () => {
  const level = Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? 0.01 : -0.01))
  assert.equal(decidePromotion(level, terms).passed, true)
  assert.equal(decidePromotion(level, { ...terms, margin: 0.001 }).passed, false)
})

test('too few labelled pairs promote nobody, and none at all do not break the decision', () => {
  const { passed, checks } = decidePromotion([1, 1, 1], terms)
  assert.deepEqual([passed, checks.map((check) => check.passed)], [false, [false, true]])
  assert.deepEqual(decidePromotion([], terms).checks.map((check) => check.value), [0, 'undefined'])
})
