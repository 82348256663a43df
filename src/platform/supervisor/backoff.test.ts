import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backoffMs, failuresAfter } from './backoff.ts'

test('waits twice as long after each failure, up to a limit, and not at all for one that was stable', () => {
  const terms = { firstMs: 100, longestMs: 1000 }
  assert.deepEqual([0, 1, 2, 3, 4, 5, 2000].map((failures) => backoffMs(failures, terms)), [0, 100, 200, 400, 800, 1000, 1000])
  assert.deepEqual([failuresAfter(10, 3, 50), failuresAfter(51, 3, 50)], [4, 0])
})
