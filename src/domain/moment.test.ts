import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { momentOf, parseDuration, timeOf } from './moment.ts'

test('a time without a zone is UTC, whatever the machine thinks', () => {
  const noon = Date.UTC(2013, 2, 10, 12)
  for (const text of ['2013-03-10T12:00:00Z', '2013-03-10T12:00:00', '2013-03-10 12:00', '2013-03-10T07:00:00-05:00', '2013-03-10T12:00:00.000+00', '2013-03-10T14:00+02']) {
    assert.equal(timeOf(text), noon, text)
  }
  assert.equal(timeOf('2013-03-10'), Date.UTC(2013, 2, 10))
  assert.equal(timeOf(noon), noon)
})

test('what is no time is NaN', () => {
  for (const value of ['', 'yesterday', '2013-13-01T00:00:00Z', '10/03/2013', null, undefined, true, {}]) assert.ok(Number.isNaN(timeOf(value)), String(value))
})

test('every moment that JavaScript writes is read back', () => {
  fc.assert(fc.property(fc.date({ noInvalidDate: true, min: new Date('1000-01-01'), max: new Date('9999-01-01') }), (date) => assert.equal(timeOf(date.toISOString()), date.getTime())))
})

test('minutes of other columns and the offset are added', () => {
  const expression = { column: 'time_hour', plusMinutes: ['minute', 'delay'], offsetMinutes: -60 }
  assert.equal(momentOf(expression, { time_hour: '2013-01-01T10:00:00Z', minute: 15, delay: -3 }), Date.UTC(2013, 0, 1, 9, 12))
})

test('a row that lacks a part has no moment', () => {
  const expression = { column: 'at', plusMinutes: ['delay'], offsetMinutes: 0 }
  for (const row of [{ at: '2013-01-01T10:00:00Z' }, { at: '2013-01-01T10:00:00Z', delay: null }, { delay: 1 }]) assert.ok(Number.isNaN(momentOf(expression, row)))
})

test('durations are a number and a unit', () => {
  assert.deepEqual(['90s', '30m', '-1h', '14d'].map((text) => parseDuration(text, '')), [90_000, 1_800_000, -3_600_000, 1_209_600_000])
  assert.throws(() => parseDuration('soon', 'features/x.yaml:3'), { code: 'FEATURES_INVALID', message: /^features\/x\.yaml:3: found "soon"/ })
})
