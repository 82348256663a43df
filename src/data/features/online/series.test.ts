import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Series } from './series.ts'

const rows = fc.array(fc.record({ time: fc.integer({ min: 0, max: 8 }), key: fc.constantFrom('', 'a', 'b'), value: fc.integer() }), { maxLength: 30 })

test('a series is what a sorted list of its newest rows would be, in whatever order they came', () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: -1, max: 9 }), (pushed, moment) => {
      const series = new Series()
      const expected = new Map<string, { time: number; key: string; value: number }>()
      for (const row of pushed) {
        series.put(row.time, row.key, [row.value])
        expected.set(`${row.time} ${row.key}`, row)
      }
      const sorted = [...expected.values()].sort((a, b) => a.time - b.time || (a.key < b.key ? -1 : 1))
      assert.deepEqual(series.rows, sorted.map(({ value }) => [value]))
      assert.equal(series.countThrough(moment), sorted.filter(({ time }) => time <= moment).length)
      for (const { time, key, value } of sorted) assert.deepEqual(series.find(time, key), [value])
      assert.equal(series.find(moment, 'c'), undefined)
    }),
  )
})

test('pruning forgets what is before the moment, and can leave the newest moment of that', () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: -1, max: 9 }), fc.boolean(), (pushed, moment, keepNewest) => {
      const series = new Series()
      for (const { time, key, value } of pushed) series.put(time, key, [value])
      const times = Array.from({ length: series.length }, (_, i) => series.timeAt(i))
      const newest = Math.max(...times.filter((time) => time < moment))
      series.prune(moment, keepNewest)
      const kept = times.filter((time) => time >= moment || (keepNewest && time === newest))
      assert.deepEqual(Array.from({ length: series.length }, (_, i) => series.timeAt(i)), kept)
    }),
  )
})
