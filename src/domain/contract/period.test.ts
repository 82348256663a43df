import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describeSeconds, secondsPerUnit } from './period.ts'

describe('a period', () => {
  for (const [unit, seconds] of [['d', 86_400], ['Days', 86_400], ['h', 3600], ['min', 60], ['y', 31_536_000], ['s', 1]] as const) {
    it(`of one ${unit} has ${seconds} seconds`, () => assert.equal(secondsPerUnit(unit), seconds))
  }

  it('in months is not known, since tools disagree on m', () => {
    assert.equal(secondsPerUnit('m'), undefined)
    assert.equal(secondsPerUnit('months'), undefined)
  })

  for (const [seconds, words] of [[0, '0 s'], [0.25, '0.25 s'], [59, '59 s'], [60, '1 min'], [90, '1 min 30 s'], [3600, '1 h'], [86_400 * 60 + 3 * 3600, '60 d 3 h'], [86_399, '24 h'], [-3600, '-1 h']] as const) {
    it(`of ${seconds} s reads ${words}`, () => assert.equal(describeSeconds(seconds), words))
  }
})
