import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { MillraceError } from '../../platform/errors/index.ts'
import { parseJson } from '../protocols/json.ts'
import { Admission } from './admission.ts'
import { BatchTimes } from './batch-times.ts'
import { Entrance } from './entrance.ts'
import { Quota, rateLimit } from './quota.ts'
import { unwanted } from './recipient.ts'
import { timeoutOf, timeoutParameter } from './timeout.ts'

const code = (expected: string) => (error: unknown) => error instanceof MillraceError && error.code === expected

describe('how long batches take', () => {
  test('is learnt as a cost of the batch and one of the row', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 50, noNaN: true }), fc.double({ min: 0, max: 5, noNaN: true }), fc.array(fc.integer({ min: 1, max: 256 }), { minLength: 20, maxLength: 60 }), (base, perRow, sizes) => {
        fc.pre(new Set(sizes.slice(-8)).size > 4)
        const times = new BatchTimes()
        for (const rows of sizes) times.observe(rows, base + perRow * rows)
        const expected = 3 * base + 300 * perRow
        assert.ok(Math.abs(times.predict(3, 300) - expected) < 0.05 * expected + 0.01, `${times.predict(3, 300)} for ${expected}`)
      }),
    )
  })

  test('is never less than nothing, whatever was measured', () => {
    const measured = fc.array(fc.tuple(fc.integer({ min: 1, max: 256 }), fc.double({ min: 0, max: 1e4, noNaN: true })), { maxLength: 50 })
    fc.assert(
      fc.property(measured, fc.nat(50), fc.nat(10_000), (batches, n, rows) => {
        const times = new BatchTimes()
        for (const [size, ms] of batches) times.observe(size, ms)
        assert.ok(times.predict(n, rows) >= 0)
      }),
      // Times so short that rounding is larger.
      { examples: [[[[105, 2.9e-7], [218, 0], [196, 0], [180, 0], [167, 0], [147, 0], [51, 0], [6, 0], [92, 1e-20], [60, 5.9e-12]], 1, 0]] },
    )
  })
})

test('requests that wait for a version to be loaded hold so much together, and one may hold any', async () => {
  const entrance = new Entrance()
  const loading = Promise.withResolvers<string>()
  const first = entrance.whileLoading(loading.promise, 30 * 1024 * 1024)
  await assert.rejects(entrance.whileLoading(Promise.reject(new Error('too late')), 4 * 1024 * 1024), code('OVERLOADED'))
  const second = entrance.whileLoading(loading.promise, 1024)
  loading.resolve('loaded')
  assert.deepEqual(await Promise.all([first, second]), ['loaded', 'loaded'])
  assert.equal(await entrance.whileLoading(Promise.resolve('at once'), 64 * 1024 * 1024), 'at once')
})

describe('admission', () => {
  const refused = (admission: Admission, wait: number, now: number, own = 1): boolean => {
    try {
      admission.check({ wait, own }, now, 'delay')
      return false
    } catch (error) {
      assert.ok(error instanceof MillraceError && error.code === 'OVERLOADED')
      assert.deepEqual(error.details, { retry_after: Math.max(1, Math.ceil(wait / 1000)) })
      return true
    }
  }

  test('takes a burst in, refuses when the queue stands, and takes in again when that is over', () => {
    const admission = new Admission(50)
    assert.equal(refused(admission, 50, 0), false)
    for (let now = 0; now < 100; now += 20) assert.equal(refused(admission, 200, now), false, `burst at ${now}`)
    assert.equal(refused(admission, 251, 80), true, 'longer than any burst')
    assert.equal(refused(admission, 200, 120), true)
    assert.equal(refused(admission, 40, 130), false)
    assert.equal(refused(admission, 200, 150), true)
    assert.equal(refused(admission, 200, 300), false, 'a new burst')
  })

  test('lets a request wait for twice what it costs itself, however dear that is', () => {
    const admission = new Admission(50)
    for (let now = 0; now < 1000; now += 20) assert.equal(refused(admission, 400, now, 200), false)
    for (let now = 1000; now < 2000; now += 20) refused(admission, 500, now, 200)
    assert.equal(refused(admission, 500, 2000, 200), true)
  })
})

describe('a quota', () => {
  test('is used up by a burst, then given back evenly', () => {
    const quota = new Quota({ requests: 3, windowMs: 30_000, caller: 'address' })
    assert.equal(quota.policy, '"requests";q=3;w=30')
    const take = (now: number) => {
      const state = quota.take('a', now)
      return `${state.allowed} ${rateLimit(state)}`
    }
    assert.equal(take(0), 'true "requests";r=2;t=10')
    assert.equal(take(0), 'true "requests";r=1;t=10')
    assert.equal(take(1000), 'true "requests";r=0;t=9')
    assert.equal(take(2000), 'false "requests";r=0;t=8')
    assert.equal(take(10_000), 'true "requests";r=0;t=10')
    assert.equal(quota.take('b', 10_000).allowed, true, 'another caller has its own')
  })

  test('lets through at most what is allowed in any window and the burst before it, and all of it to one who keeps to it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 60 }), fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 300 }), (requests, seconds, gaps) => {
        const windowMs = seconds * 1000
        const quota = new Quota({ requests, windowMs, caller: 'address' })
        let now = 0
        const taken: number[] = []
        for (const gap of gaps) {
          now += gap
          const { allowed, remaining, reset } = quota.take('a', now)
          assert.ok(remaining >= 0 && remaining < requests && reset >= 1)
          if (allowed) taken.push(now)
        }
        for (const [i, from] of taken.entries()) assert.ok(taken.slice(i).filter((at) => at < from + windowMs).length <= 2 * requests)
        const steady = new Quota({ requests, windowMs, caller: 'address' })
        for (let i = 0; i < 100; i++) assert.equal(steady.take('a', (i * windowMs) / requests).allowed, true)
      }),
    )
  })

  test('knows a caller by what it is told to look at, and forgets the one that has not come for longest', () => {
    const request = (values: Record<string, string>) => ({ header: (name: string) => values[name] })
    const byKey = new Quota({ requests: 1, windowMs: 1000, caller: 'x-api-key' })
    const alice = byKey.callerOf(request({ 'x-api-key': 'alice' }), '::1')
    assert.doesNotMatch(alice, /alice/, 'a key is not kept as it is')
    assert.notEqual(alice, byKey.callerOf(request({ 'x-api-key': 'bob' }), '::1'))
    assert.equal(byKey.callerOf(request({}), '::1'), 'address ::1')
    for (let i = 0; i < 20_000; i++) byKey.take(`caller ${i}`, 0)
    assert.equal(byKey.callers, 10_000)
    assert.equal(byKey.take('caller 19999', 0).allowed, false)
  })
})

test('an answer is unwanted once its deadline has passed or its caller has gone', () => {
  const recipient = (deadline: number, gone: boolean) => ({ deadline, gone, refuse: () => undefined })
  assert.equal(unwanted(recipient(Number.POSITIVE_INFINITY, false), 1e9), undefined)
  assert.equal(unwanted(recipient(10, false), 10)?.code, 'TIMEOUT')
  assert.equal(unwanted(recipient(20, true), 10)?.code, 'CANCELLED')
})

test('how long a caller waits is read as Envoy and Triton write it', () => {
  assert.equal(timeoutOf('1500'), 1500)
  assert.equal(timeoutOf('0'), undefined)
  assert.equal(timeoutOf(undefined), undefined)
  for (const bad of ['1.5', '-1', '5s', '']) assert.throws(() => timeoutOf(bad), code('BAD_REQUEST'), bad)
  assert.equal(timeoutParameter(2500), 2.5)
  assert.equal(timeoutParameter('2500'), 2.5, 'as gRPC gives it')
  assert.equal(timeoutParameter(0), undefined)
  for (const bad of [-1, 1.5, 'soon', {}, true]) assert.throws(() => timeoutParameter(bad), code('BAD_REQUEST'))
})

test('JSON may be a hundred levels deep, brackets in strings not counted', () => {
  const deep = (levels: number, open = '[', close = ']') => Buffer.from(`{"a": "${'x'.repeat(3000)}[[\\"[{", "b": ${open.repeat(levels - 1)}1${close.repeat(levels - 1)}}`)
  parseJson(deep(100))
  assert.throws(() => parseJson(deep(101)), /nested more than 100/)
  assert.throws(() => parseJson(deep(100_000)), /nested more than 100/)
  assert.throws(() => parseJson(deep(200, '{"a":', '}')), /nested more than 100/)
  const wide = Buffer.from(JSON.stringify(Array.from({ length: 5000 }, () => ({ a: [1] }))))
  assert.deepEqual(parseJson(wide), JSON.parse(wide.toString()))
  fc.assert(fc.property(fc.json({ maxDepth: 8 }), (text) => assert.deepEqual(parseJson(Buffer.from(`[${text},"${'y'.repeat(2100)}"]`)), JSON.parse(`[${text},"${'y'.repeat(2100)}"]`))))
})
