import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { describeThreshold, meets, type Threshold } from './threshold.ts'

const CASES: readonly [Threshold, number, boolean][] = [
  [{ operator: 'mustBe', value: 3 }, 3, true],
  [{ operator: 'mustBe', value: 3 }, 4, false],
  [{ operator: 'mustNotBe', value: 3 }, 3, false],
  [{ operator: 'mustNotBe', value: 3 }, 4, true],
  [{ operator: 'mustBeGreaterThan', value: 3 }, 3, false],
  [{ operator: 'mustBeGreaterThan', value: 3 }, 3.01, true],
  [{ operator: 'mustBeGreaterOrEqualTo', value: 3 }, 3, true],
  [{ operator: 'mustBeLessThan', value: 3 }, 3, false],
  [{ operator: 'mustBeLessThan', value: 3 }, 2.99, true],
  [{ operator: 'mustBeLessOrEqualTo', value: 3 }, 3, true],
  [{ operator: 'mustBeBetween', low: 1, high: 3 }, 1, true],
  [{ operator: 'mustBeBetween', low: 1, high: 3 }, 3, true],
  [{ operator: 'mustBeBetween', low: 1, high: 3 }, 3.01, false],
  [{ operator: 'mustNotBeBetween', low: 1, high: 3 }, 3, false],
  [{ operator: 'mustNotBeBetween', low: 1, high: 3 }, 0.99, true],
]

describe('a threshold', () => {
  for (const [threshold, value, expected] of CASES) {
    it(`${value} ${expected ? 'meets' : 'does not meet'} ${threshold.operator} ${describeThreshold(threshold)}`, () => {
      assert.equal(meets(threshold, value), expected)
    })
  }

  it('is met by no NaN', () => {
    for (const [threshold] of CASES) assert.equal(meets(threshold, Number.NaN), false)
  })

  it('of an interval and its negation never agree', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.double({ noNaN: true }), fc.double({ noNaN: true }), (low, high, value) => {
        const inside = meets({ operator: 'mustBeBetween', low, high }, value)
        assert.notEqual(meets({ operator: 'mustNotBeBetween', low, high }, value), inside)
        assert.equal(inside, meets({ operator: 'mustBeGreaterOrEqualTo', value: low }, value) && meets({ operator: 'mustBeLessOrEqualTo', value: high }, value))
      }),
    )
  })
})
