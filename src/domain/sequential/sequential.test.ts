import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { logMixture, meanInterval } from './confidence-sequence.ts'
import { boundedLogLoss, losses, pairedGains, pairedInterval, unpairedInterval } from './index.ts'

/** mulberry32: uniform in [0, 1), the same for a seed everywhere. */
function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const LOOKS = 400
const RUNS = 200
const ALPHA = 0.1

/** Share of runs in which a value of `look` was ever true, looking after every row. */
function everTrue(run: (next: () => number) => () => boolean): number {
  let ever = 0
  for (let seed = 1; seed <= RUNS; seed++) {
    const look = run(random(seed * 7919))
    for (let i = 0; i < LOOKS; i++) {
      if (look()) {
        ever++
        break
      }
    }
  }
  return ever / RUNS
}

/** Upper end for an observed share when the true one is `p`: three standard deviations of a binomial. */
const atMost = (p: number) => p + 3 * Math.sqrt((p * (1 - p)) / RUNS)

describe('a confidence sequence', () => {
  test('has a mixture that equals its integral', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 40, noNaN: true }), fc.double({ min: 0, max: 60, noNaN: true }), fc.double({ min: 0.3, max: 5, noNaN: true }), (s, v, rho) => {
        const steps = 10_000
        let weight = 0
        let total = 0
        for (let i = 0; i < steps; i++) {
          // u = 1 − λ, with points drawn towards 0, where a density of a shape below 1 has its pole.
          const t = (i + 0.5) / steps
          const u = t ** 6
          const density = u ** (rho - 1) * Math.exp(-rho * u) * 6 * t ** 5
          weight += density
          total += density * Math.exp((1 - u) * s - (-Math.log(u) - (1 - u)) * v)
        }
        const expected = Math.log(total / weight)
        assert.ok(Math.abs(logMixture(s, v, rho) - expected) < 2e-3 * Math.max(1, Math.abs(expected)), `${logMixture(s, v, rho)} ${expected}`)
      }),
      { numRuns: 30 },
    )
  })

  test('is as wide as all that is possible before the first value, narrows, and knows no order', () => {
    const terms = { alpha: 0.05, centre: 0, reach: 1 }
    assert.deepEqual(meanInterval({ count: 0, sum: 0, squares: 0 }, terms), { lower: -1, upper: 1 })
    const width = (count: number) => {
      const { lower, upper } = meanInterval({ count, sum: 0, squares: count * 0.01 }, terms)
      return upper - lower
    }
    assert.ok(width(100) > width(1000) && width(1000) > width(100_000))
    assert.ok(width(10_000) < 0.02, 'of the size that a standard deviation of 0.1 suggests')
  })

  test('always lies within what is possible and holds the mean of what it saw', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 200 }), (values) => {
        const sum = values.reduce((a, b) => a + b, 0)
        const { lower, upper } = meanInterval({ count: values.length, sum, squares: values.reduce((a, b) => a + b * b, 0) }, { alpha: 0.05, centre: 0, reach: 1 })
        assert.ok(lower >= -1 && upper <= 1 && lower <= sum / values.length && sum / values.length <= upper)
      }),
    )
  })
})

describe('champion and challenger, looked at after every labelled row', () => {
  test('of the same quality, are told apart in no more than alpha of all runs', () => {
    const share = everTrue((next) => {
      const gains = pairedGains()
      return () => {
        // Each is wrong by the same noise, independently: the expected gain is 0.
        const truth = 0.2 + 0.6 * next()
        const label = next() < truth ? 1 : 0
        const [a, b] = [truth + 0.3 * (next() - 0.5), truth + 0.3 * (next() - 0.5)]
        gains.add(boundedLogLoss(a, label) - boundedLogLoss(b, label))
        const { lower, upper } = pairedInterval(gains, ALPHA)
        return lower > 0 || upper < 0
      }
    })
    assert.ok(share <= atMost(ALPHA), `${share}`)
  })

  test('even where gains are skewed: many small ones against few great losses', () => {
    const share = everTrue((next) => {
      const gains = pairedGains()
      return () => {
        gains.add(next() < 0.02 ? -3.92 : 0.08)
        const { lower, upper } = pairedInterval(gains, ALPHA)
        return lower > 0 || upper < 0
      }
    })
    assert.ok(share <= atMost(ALPHA), `${share}`)
  })

  test('even where the one is better at first and the other later, as long as they are even at each look', () => {
    const share = everTrue((next) => {
      const gains = pairedGains()
      let drift = 0
      return () => {
        // The expectation of each gain depends on what came before; what must be held is the mean of the expectations.
        const expected = gains.count % 200 < 100 ? 0.2 : -0.2
        drift += expected
        gains.add(expected + (next() - 0.5))
        const { lower, upper } = pairedInterval(gains, ALPHA)
        return lower > drift / gains.count || upper < drift / gains.count
      }
    })
    assert.ok(share <= atMost(ALPHA), `${share}`)
  })

  test('on different rows too', () => {
    const share = everTrue((next) => {
      const arms = [losses(), losses()] as const
      return () => {
        const truth = 0.1 + 0.8 * next()
        arms[next() < 0.3 ? 1 : 0].add(boundedLogLoss(truth, next() < truth ? 1 : 0))
        const { lower, upper } = unpairedInterval(...arms, ALPHA)
        return lower > 0 || upper < 0
      }
    })
    assert.ok(share <= atMost(ALPHA), `${share}`)
  })

  test('are told apart where one is much better, with the right sign', () => {
    const next = random(42)
    const gains = pairedGains()
    for (let i = 0; i < 3000; i++) {
      const truth = next() < 0.5 ? 0.1 : 0.9
      const label = next() < truth ? 1 : 0
      gains.add(boundedLogLoss(0.5, label) - boundedLogLoss(truth, label))
    }
    assert.ok(pairedInterval(gains, 0.05).lower > 0.2)
  })

  test('a score that is certain and wrong costs what a hundredth costs', () => {
    assert.equal(boundedLogLoss(0, 1), -Math.log(0.01))
    assert.equal(boundedLogLoss(1, 1), -Math.log(0.99))
  })
})
