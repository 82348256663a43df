import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as fc from 'fast-check'
import Type from 'typebox'
import Value from 'typebox/value'
import { type Sample, binTogether, sturgesEdges } from './bins.ts'
import { chiSquarePValue } from './chi-square.ts'
import { columnDrift } from './column.ts'
import { jensenShannon, populationStability, wassersteinNormed } from './distances.ts'
import { logGamma, upperGamma } from './gamma.ts'
import { kolmogorovSmirnov, oneSamplePValue } from './kolmogorov-smirnov.ts'

const values = Type.Array(Type.Union([Type.Number(), Type.String()]))
const fixtures = Value.Parse(
  Type.Object({
    cases: Type.Array(
      Type.Object({
        name: Type.String(),
        kind: Type.Union([Type.Literal('numeric'), Type.Literal('categorical')]),
        integer: Type.Boolean(),
        reference: values,
        current: values,
        expected: Type.Record(Type.String(), Type.Number()),
      }),
    ),
    kolmogorov_smirnov_tails: Type.Array(Type.Object({ n1: Type.Integer(), n2: Type.Integer(), d: Type.Number(), expected: Type.Number() })),
  }),
  JSON.parse(readFileSync(new URL('../../../conformance/statistics/drift.json', import.meta.url), 'utf8')),
)

const sample = (kind: string, of: readonly (string | number)[]): Sample => (kind === 'numeric' ? Float64Array.from(of, Number) : of.map(String))
const close = (actual: number, expected: number, tolerance: number, what: string): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance * Math.max(1e-3, Math.abs(expected)), `${what}: ${actual}, scipy has ${expected}`)

for (const { name, kind, integer, reference, current, expected } of fixtures.cases) {
  test(`the scores of scipy and NumPy come out: ${name}`, () => {
    const r = sample(kind, reference)
    const c = sample(kind, current)
    const binned = binTogether(r, c, integer)
    const scores: Record<string, number> = { jensenshannon: jensenShannon(binned), psi: populationStability(binned) }
    if (r instanceof Float64Array && c instanceof Float64Array) {
      scores['wasserstein'] = wassersteinNormed(r, c)
      scores['ks'] = kolmogorovSmirnov(r, c).pValue
    } else {
      scores['chisquare'] = chiSquarePValue(r, c)
    }
    assert.deepEqual(Object.keys(scores).sort(), Object.keys(expected).sort())
    for (const [method, value] of Object.entries(expected)) close(scores[method] ?? NaN, value, 1e-9, method)
  })
}

test('the tail of the Kolmogorov-Smirnov distribution is that of scipy for samples too large to count paths', () => {
  for (const { n1, n2, d, expected } of fixtures.kolmogorov_smirnov_tails) {
    close(oneSamplePValue(Math.round((n1 * n2) / (n1 + n2)), d), expected, 1e-6, `n1=${n1} n2=${n2} d=${d}`)
  }
})

test('the gamma functions meet their known values', () => {
  close(logGamma(0.5), Math.log(Math.PI) / 2, 1e-13, 'ln Γ(1/2)')
  close(logGamma(171), 706.573062245787, 1e-13, 'ln Γ(171)')
  close(upperGamma(1, 3), Math.exp(-3), 1e-13, 'Q(1, 3)')
  close(upperGamma(0.5, 1.92072941034706), 0.05, 1e-12, 'chi², one degree, 5 %')
})

const numbers = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 60 }).map((of) => Float64Array.from(of))
const names = fc.array(fc.constantFrom('EWR', 'JFK', 'LGA', 'BOS'), { minLength: 1, maxLength: 60 })

test('a sample never drifts from itself, whatever its order', () => {
  const settings = { numeric: 'wasserstein', categorical: 'jensenshannon', threshold: 0.1 } as const
  fc.assert(
    fc.property(fc.oneof(numbers, names), (of) => {
      const other: Sample = of.toReversed()
      assert.ok((columnDrift(of, other, settings).score ?? 1) < 1e-6)
    }),
  )
})

test('distances are symmetric, bounded and never negative', () => {
  fc.assert(
    fc.property(fc.oneof(fc.tuple(numbers, numbers), fc.tuple(names, names)), ([a, b]) => {
      const there = binTogether(a, b)
      const back = { ...there, reference: there.current, current: there.reference }
      const js = jensenShannon(there)
      assert.ok(js >= 0 && js <= Math.sqrt(Math.LN2) + 1e-12)
      assert.ok(Math.abs(js - jensenShannon(back)) < 1e-9)
      assert.ok(populationStability(there) >= 0)
    }),
  )
})

test('shares over common bins sum to one, so no value falls between two bins', () => {
  fc.assert(
    fc.property(numbers, numbers, fc.boolean(), (a, b, integer) => {
      const edges = sturgesEdges(a, b, integer)
      assert.ok(edges.every((edge, i) => i === 0 || edge >= (edges[i - 1] ?? 0)))
      const { reference, current } = binTogether(a, b, integer)
      for (const side of [reference, current]) assert.ok(Math.abs(side.reduce((sum, share) => sum + share, 0) - 1) < 1e-9)
    }),
  )
})

test('moving a sample by its standard deviation gives a Wasserstein distance of one', () => {
  const reference = Float64Array.from({ length: 500 }, (_, i) => Math.sin(i) * 10)
  const deviation = Math.sqrt(reference.reduce((sum, v) => sum + v * v, 0) / 500 - (reference.reduce((sum, v) => sum + v, 0) / 500) ** 2)
  close(wassersteinNormed(reference, reference.map((v) => v + deviation)), 1, 1e-9, 'distance')
})

test('a column that lost all its values has drifted; one that never had any has not', () => {
  const settings = { numeric: 'ks', categorical: 'chisquare', threshold: 0.05 } as const
  assert.deepEqual(columnDrift(['a'], [], settings), { method: 'chisquare', score: null, threshold: 0.05, drifted: true })
  assert.equal(columnDrift(new Float64Array(), Float64Array.of(1), settings).drifted, false)
})

test('a numeric column of few distinct values is judged as categories', () => {
  const settings = { numeric: 'wasserstein', categorical: 'psi', threshold: 0.1 } as const
  assert.equal(columnDrift(Float64Array.of(0, 1, 1, 0), Float64Array.of(1, 0), settings).method, 'psi (categories)')
  assert.equal(columnDrift(Float64Array.of(0, 1, 2, 3, 4), Float64Array.of(5), settings).method, 'wasserstein normed')
})
