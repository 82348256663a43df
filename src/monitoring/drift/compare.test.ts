import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as fc from 'fast-check'
import Type from 'typebox'
import Value from 'typebox/value'
import type { Scalar } from '../../api/serving.ts'
import type { MonitorConfig } from '../../domain/config.ts'
import { compareWithReference, withoutReference } from './compare.ts'
import type { CurrentRows } from './current.ts'
import { type Reference, sampleOf } from './reference.ts'

type Settings = MonitorConfig['drift']
type Columns = Readonly<Record<string, readonly Scalar[]>>

const DEFAULTS: Settings = { numeric: 'wasserstein', categorical: 'jensenshannon', threshold: 0.1, share: 0.5 }

function window(columns: Columns, scores: readonly number[] = []): CurrentRows {
  const [first = []] = Object.values(columns)
  return { rows: first.length, columns: new Map(Object.entries(columns)), unrecorded: 0, masked: new Map(), scores, versions: new Map([['1', first.length]]) }
}

function training(columns: Columns, scores: readonly number[] | null = null, integer: readonly string[] = []): Reference {
  return {
    columns: new Map(
      Object.entries(columns).map(([name, values]) => [name, { sample: sampleOf(values, values.some((value) => typeof value === 'string')), integer: integer.includes(name) }]),
    ),
    scores: scores === null ? null : Float64Array.from(scores),
  }
}

const column = Type.Array(Type.Union([Type.Number(), Type.String(), Type.Null()]))
const numericMethod = Type.Union([Type.Literal('wasserstein'), Type.Literal('psi'), Type.Literal('jensenshannon'), Type.Literal('ks')])
const fixture = Value.Parse(
  Type.Object({
    integer: Type.Array(Type.String()),
    reference: Type.Record(Type.String(), column),
    current: Type.Record(Type.String(), column),
    cases: Type.Array(
      Type.Object({
        numeric: numericMethod,
        categorical: Type.Union([Type.Literal('jensenshannon'), Type.Literal('psi'), Type.Literal('chisquare')]),
        threshold: Type.Number(),
        scores: Type.Record(Type.String(), Type.Number()),
        drifted: Type.Integer(),
        share: Type.Number(),
      }),
    ),
  }),
  JSON.parse(readFileSync(new URL('../../../conformance/statistics/evidently.json', import.meta.url), 'utf8')),
)

for (const { numeric, categorical, threshold, scores, drifted, share } of fixture.cases) {
  test(`a window is judged as Evidently judges it: ${numeric} and ${categorical} at ${threshold}`, () => {
    const { score: answered, ...inputs } = fixture.current
    const { score: learned, ...features } = fixture.reference
    const numbers = (values: readonly unknown[] = []): number[] => values.filter((value) => typeof value === 'number')
    const found = compareWithReference(training(features, numbers(learned), fixture.integer), window(inputs, numbers(answered)), { numeric, categorical, threshold, share: 0.5 })
    for (const { column: name, kind, score } of found.columns) {
      const expected = scores[kind === 'prediction' ? 'score' : name] ?? Number.NaN
      assert.ok(score !== null && Math.abs(score - expected) <= 1e-9 * Math.max(1e-3, expected), `${name}: ${score}, Evidently has ${expected}`)
    }
    assert.deepEqual(found.columns.map(({ column: name }) => name), [...Object.keys(features), 'prediction'])
    assert.equal(found.columns.filter((one) => one.kind !== 'prediction' && one.drifted).length, drifted)
    assert.equal(found.share, share)
    assert.equal(found.drifted, share >= 0.5)
  })
}

test('a masked column, and one that no recorded row can tell of, is left out; one that was masked for a time is judged by the rest', () => {
  const columns = { a: [1, 2, 3, 4, 5, 6, 7, 8], b: [1, 2, 3, 4, 5, 6, 7, 8] }
  const seen = window({ a: [1, 2, 3, 4, 5, 6, 7, 8, null, null] }, [])
  const found = compareWithReference(training(columns), { ...seen, unrecorded: 1, masked: new Map([['a', 1], ['b', 9]]) }, DEFAULTS)
  assert.deepEqual(found.columns.map(({ column: name, score, missing_share }) => [name, score, missing_share]), [['a', 0, 0]])
  assert.deepEqual([found.share, found.drifted], [0, false])
  assert.deepEqual(compareWithReference(training(columns), { ...seen, unrecorded: 10 }, DEFAULTS), { columns: [], share: 0, drifted: false })
})

test('a window equal to training has drifted nowhere, and misses what training misses', () => {
  const columns = { a: [1, 2, 3, 4, 5, 6, null], b: ['x', 'y', null, 'x', 'y', 'x', 'y'] }
  const found = compareWithReference(training(columns), window(columns), DEFAULTS)
  assert.deepEqual(found.columns.map(({ score, drifted, missing_share }) => [score, drifted, missing_share]), [[0, false, 1 / 7], [0, false, 1 / 7]])
  assert.deepEqual([found.share, found.drifted], [0, false])
})

const kinds: readonly { name: string; reference: Columns; current: Columns; expect: readonly [kind: string, method: string, score: number | null, drifted: boolean, missing: number] }[] = [
  { name: 'a column that lost all its values has drifted, without a score', reference: { a: ['x'] }, current: { a: [null, null] }, expect: ['categorical', 'jensenshannon', null, true, 1] },
  { name: 'a column that the window does not know has drifted: it is missing everywhere', reference: { a: [1, 2, 3, 4, 5, 6] }, current: { b: [1, 2] }, expect: ['numeric', 'wasserstein', null, true, 1] },
  { name: 'a column that training never saw a value of cannot drift', reference: { a: [] }, current: { a: [1, 2] }, expect: ['numeric', 'jensenshannon', null, false, 0] },
  { name: 'a numeric column of few values is judged by its categories', reference: { a: [0, 1, 0, 1] }, current: { a: [0, 1] }, expect: ['numeric', 'jensenshannon (categories)', 0, false, 0] },
  { name: 'booleans in the window are the 0 and 1 of training', reference: { a: [0, 1, 0, 1] }, current: { a: [false, true] }, expect: ['numeric', 'jensenshannon (categories)', 0, false, 0] },
  { name: 'categories that share nothing are as far apart as can be', reference: { a: ['x'] }, current: { a: ['y'] }, expect: ['categorical', 'jensenshannon (categories)', Math.sqrt(Math.LN2), true, 0] },
  { name: 'values moved by one standard deviation are one apart', reference: { a: [0, 1, 2, 3, 4, 5] }, current: { a: [0, 1, 2, 3, 4, 5].map((v) => v + Math.sqrt(35 / 12)) }, expect: ['numeric', 'wasserstein normed', 1, true, 0] },
]
for (const { name, reference, current, expect } of kinds) {
  test(name, () => {
    const [found] = compareWithReference(training(reference), window(current), DEFAULTS).columns
    const [kind, method, score, drifted, missing] = expect
    assert.deepEqual([found?.kind, found?.method, found?.drifted, found?.missing_share], [kind, method, drifted, missing])
    if (score === null) assert.equal(found?.score, null)
    else assert.ok(Math.abs((found?.score ?? Number.NaN) - score) < 1e-12, `${found?.score}`)
  })
}

test('a window without rows has drifted in nothing: there is nothing to compare', () => {
  assert.deepEqual(compareWithReference(training({ a: ['x'] }), window({}), DEFAULTS), { columns: [], share: 0, drifted: false })
})

test('without a training sample only the shares of missing values are told', () => {
  const found = withoutReference(window({ a: [1, null, 3, null], b: ['x', 'y', 'x', null] }), DEFAULTS)
  assert.deepEqual(found.columns.map(({ column: name, kind, method, score, drifted, missing_share }) => [name, kind, method, score, drifted, missing_share]), [
    ['a', 'numeric', 'no reference', null, false, 0.5],
    ['b', 'categorical', 'no reference', null, false, 0.25],
  ])
  assert.equal(found.drifted, false)
})

const values = fc.array(fc.oneof(fc.integer({ min: -50, max: 50 }), fc.constant(null)), { minLength: 1, maxLength: 40 })
const categories = fc.array(fc.constantFrom('EWR', 'JFK', 'LGA', null), { minLength: 1, maxLength: 40 })

test('the prediction is judged too, but counts for itself; the share is that of the features, and reaching its limit is drift', () => {
  fc.assert(
    fc.property(values, values, categories, categories, fc.double({ min: 0.05, max: 1, noNaN: true }), (a, otherA, b, otherB, share) => {
      const length = Math.min(otherA.length, otherB.length)
      const current = window({ a: otherA.slice(0, length), b: otherB.slice(0, length) }, Array.from({ length }, () => 0.99))
      const found = compareWithReference(training({ a, b }, [0.01, 0.02, 0.03]), current, { ...DEFAULTS, share })
      const features = found.columns.filter(({ kind }) => kind !== 'prediction')
      assert.deepEqual([features.length, found.columns.length], [2, 3])
      assert.equal(found.columns.at(-1)?.drifted, true)
      assert.equal(found.share, features.filter(({ drifted }) => drifted).length / 2)
      assert.equal(found.drifted, found.share >= share)
    }),
  )
})

test('the order of rows, and of the training sample, changes nothing', () => {
  fc.assert(
    fc.property(values, categories, values, categories, (a, b, otherA, otherB) => {
      const length = Math.min(otherA.length, otherB.length)
      const current = { a: otherA.slice(0, length), b: otherB.slice(0, length) }
      const reversed = { a: current.a.toReversed(), b: current.b.toReversed() }
      const there = compareWithReference(training({ a, b }), window(current), DEFAULTS)
      const back = compareWithReference(training({ a: a.toReversed(), b: b.toReversed() }), window(reversed), DEFAULTS)
      for (const [i, { score, drifted, missing_share }] of there.columns.entries()) {
        const other = back.columns[i]
        assert.ok(Math.abs((score ?? 0) - (other?.score ?? 0)) < 1e-9)
        assert.deepEqual([drifted, missing_share], [other?.drifted, other?.missing_share])
      }
    }),
  )
})
