import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { DAY_MS, dueAgain, periodAt, periodsBetween, windowAt, windowsEnding } from './windows.ts'

const at = (text: string): number => Date.parse(text)
const monday = at('1970-01-05T00:00:00Z')
const iso = (time: number): string => new Date(time).toISOString().slice(0, 10)

test('a week that ends as time reaches it is closed once, and a jump closes all weeks on the way', () => {
  const ends = (after: string, until: string) => windowsEnding(monday, 7 * DAY_MS, at(after), at(until)).map(({ end }) => iso(end))
  assert.deepEqual(ends('2013-04-01T00:00:00Z', '2013-04-07T23:59:59Z'), [])
  assert.deepEqual(ends('2013-04-07T23:59:59Z', '2013-04-08T00:00:00Z'), ['2013-04-08'])
  assert.deepEqual(ends('2013-04-08T00:00:00Z', '2013-04-08T00:00:00Z'), [])
  assert.deepEqual(ends('2013-04-08T00:00:00Z', '2013-04-30T00:00:00Z'), ['2013-04-15', '2013-04-22', '2013-04-29'])
})

test('however time moves on, each window is closed exactly once', () => {
  const moves = fc.array(fc.integer({ min: 0, max: 40 * DAY_MS }), { maxLength: 20 })
  fc.assert(
    fc.property(moves, fc.integer({ min: 1, max: 10 }), (steps, days) => {
      let now = 0
      const closed = steps.flatMap((step) => windowsEnding(monday, days * DAY_MS, now, (now += step)))
      assert.deepEqual(closed, windowsEnding(monday, days * DAY_MS, 0, now))
    }),
  )
})

test('each moment lies in one period, and periods follow one another without a gap', () => {
  fc.assert(
    fc.property(fc.constantFrom('day', 'week', 'month' as const), fc.integer({ min: 0, max: 2e12 }), (period, time) => {
      const { start, end } = periodAt(period, time)
      assert.ok(start <= time && time < end)
      assert.equal(periodAt(period, end).start, end)
    }),
  )
})

test('months from April to December are nine', () => {
  const months = periodsBetween('month', at('2013-04-03T10:00:00Z'), at('2013-12-31T23:00:00Z'))
  assert.deepEqual([months.length, iso(months[0]?.start ?? 0), iso(months[8]?.end ?? 0)], [9, '2013-04-01', '2014-01-01'])
})

test('the week around a Wednesday begins on Monday', () => {
  assert.equal(iso(windowAt(monday, 7 * DAY_MS, at('2013-12-25T12:00:00Z')).start), '2013-12-23')
})

test('a model trained on the first of a month is due on the first of the next', () => {
  assert.equal(iso(dueAgain('monthly', at('2013-04-01T00:00:00Z'))), '2013-05-01')
  assert.equal(iso(dueAgain('monthly', at('2013-12-09T00:00:00Z'))), '2014-01-01')
  assert.equal(iso(dueAgain('weekly', at('2013-04-01T00:00:00Z'))), '2013-04-08')
  assert.equal(iso(dueAgain('30d', at('2013-04-01T00:00:00Z'))), '2013-05-01')
})
