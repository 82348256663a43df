import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { MillraceEvent } from '../../api/events.ts'
import { GENESIS_HASH, canonicalJson, eventHash, findBreak } from './chain.ts'

function chain(length: number): MillraceEvent[] {
  const events: MillraceEvent[] = []
  for (let seq = 1; seq <= length; seq++) {
    const unsigned: Omit<MillraceEvent<'dev.millrace.model.created'>, 'hash'> = {
      specversion: '1.0',
      id: `id-${seq}`,
      source: '/tracking',
      type: 'dev.millrace.model.created',
      time: '2013-04-01T00:00:00.000Z',
      subject: `model-${seq}`,
      datacontenttype: 'application/json',
      data: { model: `model-${seq}` },
      projecttime: '2013-04-01T00:00:00.000Z',
      seq,
      previoushash: events.at(-1)?.hash ?? GENESIS_HASH,
    }
    events.push({ ...unsigned, hash: eventHash(unsigned) })
  }
  return events
}

test('an untouched chain has no break', () => {
  assert.equal(findBreak(chain(10)), null)
  assert.equal(findBreak([]), null)
})

test('whichever event is edited, left out or swapped, the break is found', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 12 }), fc.nat(), fc.constantFrom('edit', 'drop', 'swap'), (length, pick, change) => {
      const events = chain(length)
      // The last one may be cut off without a break in the chain: signed heads, kept apart, find that.
      const at = pick % (length - 1)
      const event = events[at]
      const next = events[at + 1]
      assert.ok(event && next)
      if (change === 'edit') events[at] = { ...event, data: { model: 'another' } }
      else if (change === 'drop') events.splice(at, 1)
      else events.splice(at, 2, next, event)
      assert.notEqual(findBreak(events), null)
    }),
  )
})

test('the hashed form does not depend on the order of keys, and survives a round trip through JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.equal(canonicalJson(JSON.parse(canonicalJson(value))), canonicalJson(value))
      assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)))
    }),
  )
  assert.equal(canonicalJson({ b: 1, a: [{ d: null, c: undefined }] }), canonicalJson({ a: [{ d: null }], b: 1 }))
})
