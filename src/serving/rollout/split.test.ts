import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Target } from '../runtime/plane.ts'
import { ArmMeter } from './counts.ts'
import { murmur3 } from './murmur.ts'
import { Split } from './split.ts'

/** A split reads no more of a target than which it is. */
const target = (alias: string): Target => ({ alias, model: Object.create(null) })
const CHAMPION = target('champion')
const CANDIDATE = target('challenger')

function split(weight: number, sticky?: { readonly header?: string; readonly column?: string }, options: { readonly id?: string; readonly candidate?: Target | null } = {}): Split {
  const meters = { champion: new ArmMeter('champion', () => undefined), candidate: new ArmMeter('candidate', () => undefined) }
  const { id = 'rollout', candidate = CANDIDATE } = options
  return new Split({ division: { rollout: id, step: 0, weight, candidate: '2' }, config: { header: 'X-Millrace-Canary', ...(sticky ? { sticky } : {}) }, meters, candidate: () => candidate })
}

function ask(one: Split, id: string, headers: Readonly<Record<string, string>> = {}, row: Readonly<Record<string, unknown>> = {}) {
  return one.assign(CHAMPION, { id, header: (name) => headers[name], parsed: { rows: [row] } })
}

const takes = (one: Split, ...asked: [string, Readonly<Record<string, string>>?, Readonly<Record<string, unknown>>?]) => ask(one, ...asked).target === CANDIDATE

describe('the hash', () => {
  const KNOWN: readonly [string, number, number][] = [
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['test', 0, 0xba6bd213],
    ['Hello, world!', 0, 0xc0363e43],
    ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
  ]
  for (const [text, seed, expected] of KNOWN) test(`of ${JSON.stringify(text)} is MurmurHash3's`, () => assert.equal(murmur3(text, seed), expected))
})

describe('a split', () => {
  test('sends the share of its weight, within four standard deviations', () => {
    for (const weight of [1, 10, 50, 90]) {
      const one = split(weight)
      let taken = 0
      for (let i = 0; i < 10_000; i++) if (takes(one, `request-${i}`)) taken++
      const p = weight / 100
      assert.ok(Math.abs(taken - 10_000 * p) <= 4 * Math.sqrt(10_000 * p * (1 - p)), `${weight} %: ${taken}`)
    }
  })

  test('sends none at 0 and all at 100', () => {
    fc.assert(fc.property(fc.string(), (id) => !takes(split(0), id) && takes(split(100), id)))
  })

  test('lets a key where it is, and a growing weight never takes one back', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.double({ min: 0, max: 100, noNaN: true }), fc.double({ min: 0, max: 100, noNaN: true }), fc.string(), (key, a, b, id) => {
        const [less, more] = a < b ? [a, b] : [b, a]
        const sticky = { header: 'X-User' }
        const before = takes(split(less, sticky), id, { 'x-user': key })
        assert.equal(takes(split(less, sticky), `${id}-again`, { 'x-user': key }), before)
        if (before) assert.ok(takes(split(more, sticky), id, { 'x-user': key }))
      }),
    )
  })

  test('chooses other keys first in another rollout', () => {
    const first = (id: string) => Array.from({ length: 200 }, (_, i) => takes(split(20, undefined, { id }), `key-${i}`))
    assert.notDeepEqual(first('one'), first('other'))
  })

  test('is sticky by a column of the first row, and by the id where there is no key', () => {
    const one = split(50, { column: 'carrier' })
    for (let i = 0; i < 50; i++) assert.equal(takes(one, `id-${i}`, {}, { carrier: 'AA' }), takes(one, 'other', {}, { carrier: 'AA' }))
    assert.equal(takes(one, 'id-7', {}, {}), takes(split(50), 'id-7'))
    assert.equal(takes(one, 'id-7', {}, { carrier: null }), takes(split(50), 'id-7'))
  })

  test('obeys its caller’s header, whatever the weight, and says so in the exposure', () => {
    const always = ask(split(0), 'id', { 'x-millrace-canary': 'always' })
    assert.equal(always.target, CANDIDATE)
    assert.deepEqual(JSON.parse(always.exposure), { rollout: 'rollout', arm: 'candidate', by: 'header' })
    assert.equal(always.meter.exposures, 0, 'a choice is no exposure')
    assert.equal(takes(split(100), 'id', { 'x-millrace-canary': 'never' }), false)
    const indifferent = ask(split(100), 'id', { 'x-millrace-canary': 'perhaps' })
    assert.deepEqual(JSON.parse(indifferent.exposure), { rollout: 'rollout', arm: 'candidate', by: 'weight' })
    assert.equal(indifferent.meter.exposures, 1)
  })

  test('sends all to the version that answers while the other is not in memory', () => {
    const one = split(100, undefined, { candidate: null })
    assert.equal(takes(one, 'id'), false)
    assert.equal(takes(one, 'id', { 'x-millrace-canary': 'always' }), false)
    assert.deepEqual(JSON.parse(ask(one, 'id').exposure), { rollout: 'rollout', arm: 'champion', by: 'weight' })
  })
})
