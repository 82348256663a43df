import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { TRANSFORMS, transformNamed } from './transforms.ts'

test('the day of the week and of the year are the calendar’s', () => {
  const date = fc.date({ noInvalidDate: true, min: new Date('1900-01-01'), max: new Date('2200-01-01') })
  fc.assert(
    fc.property(date, (day) => {
      const [year, month, dayOfMonth] = [day.getUTCFullYear(), day.getUTCMonth() + 1, day.getUTCDate()]
      assert.equal(TRANSFORMS.day_of_week.apply(year, month, dayOfMonth), day.getUTCDay() || 7)
      const yearStart = Date.UTC(year, 0, 1)
      assert.equal(TRANSFORMS.day_of_year.apply(year, month, dayOfMonth), Math.floor((day.getTime() - yearStart) / 86_400_000) + 1)
    }),
  )
})

test('clock times written as numbers are understood, over midnight too', () => {
  assert.deepEqual([0, 5, 1435, 2359].map((time) => TRANSFORMS.minutes_of_hhmm.apply(time)), [0, 5, 875, 1439])
  assert.deepEqual([0, 59, 1435].map((time) => TRANSFORMS.hour_of_hhmm.apply(time)), [0, 0, 14])
  assert.equal(TRANSFORMS.minutes_between_hhmm.apply(2330, 115), 105)
  assert.equal(TRANSFORMS.minutes_between_hhmm.apply(600, 600), 0)
})

test('a missing argument makes the result missing, whatever the transformation', () => {
  for (const [name, transform] of Object.entries(TRANSFORMS)) {
    for (let missing = 0; missing < transform.arguments.length; missing++) {
      const [a = 1, b = 1, c = 1] = [0, 1, 2].map((i) => (i === missing ? Number.NaN : 1))
      assert.ok(Number.isNaN(transform.apply(a, b, c)), `${name}, argument ${missing}`)
    }
  }
})

test('names that are none of ours find nothing', () => {
  for (const name of ['', 'square', 'toString', '__proto__']) assert.equal(transformNamed(name), undefined)
})
