import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Answers } from './answers.ts'
import { labelCoverage, labelledRows, performanceByAlias, quality } from './quality.ts'

const X = Number.NaN

/** By alias: its version, and a score for each row; X where it did not predict. */
function answers(labels: readonly number[], aliases: Readonly<Record<string, readonly [version: string, scores: readonly number[]]>>, answering = ['champion']): Answers {
  const byAlias = new Map(Object.entries(aliases).map(([alias, [version, scores]]) => [alias, { scores, versions: new Map([[version, scores.length]]) }]))
  return { pids: labels.map((_, i) => i), labels, answering, byAlias }
}

const close = (actual: number | null, expected: number): void => assert.ok(actual !== null && Math.abs(actual - expected) < 1e-12, `${actual} is not ${expected}`)

test('quality is what the formulas say: three of four pairs in order; the mean of −ln of what was given to the truth', () => {
  const { auc, log_loss, base_rate } = quality([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
  close(auc, 0.75)
  close(log_loss, -(Math.log(0.9) + Math.log(0.6) + Math.log(0.35) + Math.log(0.8)) / 4)
  close(base_rate, 0.5)
})

test('of labels that are all alike, AUC is not defined and the rest is', () => {
  const { auc, log_loss, base_rate } = quality([0.5, 0.25], [1, 1])
  assert.equal(auc, null)
  close(log_loss, -(Math.log(0.5) + Math.log(0.25)) / 2)
  close(base_rate, 1)
})

test('of no labels nothing is defined', () => assert.deepEqual(quality([], []), { auc: null, log_loss: null, ece: null, base_rate: null }))

const cases: readonly { name: string; given: Answers; expect: readonly (readonly [alias: string, version: string, rows: number, labelled: number])[] }[] = [
  { name: 'nobody asked', given: answers([], {}, []), expect: [] },
  { name: 'the one that answered', given: answers([1, 0], { champion: ['3', [0.9, 0.1]] }), expect: [['champion', '3', 2, 2]] },
  { name: 'rows without a label count as answered, not as labelled', given: answers([1, X, X], { champion: ['3', [0.9, 0.1, 0.2]] }), expect: [['champion', '3', 3, 1]] },
  {
    name: 'shadows come after it, by name, each on the rows that it predicted',
    given: answers([1, 0, X], { frozen: ['1', [0.5, X, 0.5]], champion: ['3', [0.9, 0.1, 0.2]], challenger: ['4', [X, X, 0.3]] }),
    expect: [['champion', '3', 3, 2], ['challenger', '4', 1, 0], ['frozen', '1', 2, 1]],
  },
  {
    name: 'two aliases that answered stand in the order of their frequency',
    given: answers([1, 0, 1], { b: ['2', [X, X, 0.7]], a: ['1', [0.9, 0.1, X]] }, ['a', 'b']),
    expect: [['a', '1', 2, 2], ['b', '2', 1, 1]],
  },
]
for (const { name, given, expect } of cases) {
  test(`performance by alias: ${name}`, () => {
    assert.deepEqual(performanceByAlias(given).map(({ alias, version, rows, labelled }) => [alias, version, rows, labelled]), expect)
  })
}

test('coverage is the share of answered rows whose truth is known', () => {
  assert.equal(labelCoverage(answers([1, X, 0, X], { champion: ['1', [0.1, 0.2, 0.3, 0.4]] })), 0.5)
  assert.equal(labelCoverage(answers([], {})), 0)
})

const score = fc.oneof(fc.double({ min: 0.001, max: 0.999, noNaN: true }), fc.constant(X))
const rows = fc.array(fc.record({ label: fc.constantFrom(0, 1, X), a: score, b: score }), { maxLength: 40 })

test('aliases are compared on exactly the labelled rows that each of them predicted, in order', () => {
  fc.assert(
    fc.property(rows, (given) => {
      const labels = given.map((row) => row.label)
      const found = labelledRows(answers(labels, {}), [given.map((row) => row.a), given.map((row) => row.b)])
      const expected = given.filter((row) => [row.label, row.a, row.b].every((value) => !Number.isNaN(value)))
      assert.deepEqual(found, { labels: expected.map((row) => row.label), scores: [expected.map((row) => row.a), expected.map((row) => row.b)] })
    }),
  )
})

test('AUC knows only the order of scores, and turns over with them; all figures are indifferent to the order of rows', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 999 }).map((n) => n / 1000), fc.constantFrom(0, 1)), { minLength: 2, maxLength: 40 }), (pairs) => {
      const scores = pairs.map(([value]) => value)
      const labels = pairs.map(([, label]) => label)
      const here = quality(scores, labels)
      const back = quality(scores.toReversed(), labels.toReversed())
      for (const [figure, value] of Object.entries(here)) {
        const other: unknown = Reflect.get(back, figure)
        if (value === null) assert.equal(other, null)
        else assert.ok(typeof other === 'number' && Math.abs(other - value) < 1e-9, figure)
      }
      if (here.auc === null) return
      close(quality(scores.map((value) => value / 2), labels).auc, here.auc)
      close(quality(scores.map((value) => 1 - value), labels).auc, 1 - here.auc)
    }),
  )
})
