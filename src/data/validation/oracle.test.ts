import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import * as fc from 'fast-check'
import { TestData, resultOf } from './test-data.ts'

/** A row as plain JavaScript; the oracle below loops over these, one rule at a time, and shares no code with what it judges. */
interface Row {
  readonly i: number | null
  readonly x: number | null
  readonly s: string | null
}

const rows = fc.array(
  fc.record({
    i: fc.option(fc.integer({ min: -4, max: 4 }), { freq: 5 }),
    x: fc.option(fc.oneof(fc.integer({ min: -8, max: 8 }).map((n) => n / 4), fc.constantFrom(Number.NaN, Infinity, -Infinity)), { freq: 5 }),
    s: fc.option(fc.constantFrom('', 'a', 'b', 'ab', 'B', 'é', 'N/A', "it's", '😀'), { freq: 5 }),
  }),
  { maxLength: 24 },
)
const bound = fc.integer({ min: -3, max: 3 })
const rules = fc.record({
  minimum: bound, exclusiveMinimum: bound, low: bound.map((n) => n / 2), high: bound.map((n) => n / 2), divisor: fc.integer({ min: 1, max: 3 }),
  minLength: fc.integer({ min: 0, max: 2 }), maxLength: fc.integer({ min: 0, max: 2 }), pattern: fc.constantFrom('a', '^a', 'b$', '^.$', '[AB]'),
  valid: fc.uniqueArray(fc.constantFrom<string>('a', 'b', 'ab', "it's", '😀'), { minLength: 1, maxLength: 4 }),
  missing: fc.uniqueArray(fc.constantFrom<string | null>(null, '', 'N/A', 'a'), { maxLength: 4 }),
  forbidden: fc.uniqueArray(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 3 }),
  percent: fc.integer({ min: 0, max: 100 }),
})
type Rules = typeof rules extends fc.Arbitrary<infer T> ? T : never

/** Rule → the rows that break it. */
const ORACLE: Readonly<Record<string, (all: readonly Row[], r: Rules) => number>> = {
  'i.required': (all) => count(all, ({ i }) => i === null),
  'i.minimum': (all, r) => count(all, ({ i }) => i !== null && i < r.minimum),
  'i.exclusiveMinimum': (all, r) => count(all, ({ i }) => i !== null && i <= r.exclusiveMinimum),
  'i.multipleOf': (all, r) => count(all, ({ i }) => i !== null && i % r.divisor !== 0),
  'i.forbiddenValues': (all, r) => count(all, ({ i }) => i !== null && r.forbidden.includes(i)),
  'i.unique': (all) => repeats(all.map(({ i }) => (i === null ? null : String(i)))),
  'x.minimum': (all, r) => count(all, ({ x }) => x !== null && !(x >= r.low)),
  'x.exclusiveMaximum': (all, r) => count(all, ({ x }) => x !== null && !(x < r.high)),
  's.minLength': (all, r) => count(all, ({ s }) => s !== null && [...s].length < r.minLength),
  's.maxLength': (all, r) => count(all, ({ s }) => s !== null && [...s].length > r.maxLength),
  's.pattern': (all, r) => count(all, ({ s }) => s !== null && !new RegExp(r.pattern, 'u').test(s)),
  's.invalidValues': (all, r) => count(all, ({ s }) => s !== null && !r.valid.includes(s)),
  's.missingValues': (all, r) => count(all, ({ s }) => r.missing.includes(s)),
  's.nullValues': (all) => count(all, ({ s }) => s === null),
  't.duplicateValues': (all) => repeats(all.map(({ i, s }) => (i === null || s === null ? null : JSON.stringify([i, s])))),
  't.rows': (all) => count(all, ({ i, s }) => i !== null && s !== null && !(i > 0 || s === 'a')),
}

function count(all: readonly Row[], breaks: (row: Row) => boolean): number {
  return all.filter(breaks).length
}

function repeats(keys: readonly (string | null)[]): number {
  const present = keys.filter((key) => key !== null)
  return present.length - new Set(present).size
}

function tableOf(r: Rules): object {
  const custom = (implementation: object): object => ({ type: 'custom', engine: 'millrace', implementation })
  return {
    properties: [
      {
        name: 'i', logicalType: 'integer', required: true, unique: true,
        logicalTypeOptions: { minimum: r.minimum, exclusiveMinimum: r.exclusiveMinimum, multipleOf: r.divisor },
        quality: [custom({ check: 'forbiddenValues', values: r.forbidden })],
      },
      { name: 'x', logicalType: 'number', logicalTypeOptions: r.low <= r.high ? { minimum: r.low, exclusiveMaximum: r.high } : { minimum: r.high, exclusiveMaximum: r.low } },
      {
        name: 's', logicalType: 'string', logicalTypeOptions: { minLength: r.minLength, maxLength: r.maxLength, pattern: r.pattern },
        quality: [
          { metric: 'invalidValues', mustBe: 0, arguments: { validValues: r.valid } },
          { metric: 'missingValues', mustBe: 0, arguments: { missingValues: r.missing } },
          { metric: 'nullValues', mustBeLessOrEqualTo: r.percent, unit: 'percent' },
        ],
      },
    ],
    quality: [
      { metric: 'duplicateValues', mustBe: 0, arguments: { properties: ['i', 's'] } },
      { metric: 'rowCount', mustBeGreaterThan: 5 },
      custom({ check: 'rows', expression: `i > 0 OR s = 'a'` }),
    ],
  }
}

function select(all: readonly Row[]): string {
  const text = (value: string | null): string => (value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`)
  const tuples = all.map(({ i, x, s }) => `(${i ?? 'NULL'}, ${x === null ? 'NULL' : `'${x}'::DOUBLE`}, ${text(s)})`)
  const typed = 'SELECT i::INTEGER AS i, x::DOUBLE AS x, s::VARCHAR AS s FROM'
  return tuples.length === 0 ? `${typed} (VALUES (NULL, NULL, NULL)) v(i, x, s) WHERE false` : `${typed} (VALUES ${tuples.join(', ')}) v(i, x, s)`
}

let data: TestData
before(async () => {
  data = await TestData.create()
})
after(() => data.close())

describe('checks in DuckDB', () => {
  it('count what a plain loop over the rows counts, however the rows are split into files', async () => {
    await fc.assert(
      fc.asyncProperty(rows, rows, rules, async (first, second, r) => {
        await data.parquet('1.parquet', select(first))
        await data.parquet('2.parquet', select(second))
        const all = [...first, ...second]
        const ordered = r.low <= r.high ? r : { ...r, low: r.high, high: r.low }
        const report = await data.check(tableOf(r), ['1.parquet', '2.parquet'])
        assert.equal(report.rows, all.length)
        for (const [rule, broken] of Object.entries(ORACLE)) {
          const expected = broken(all, ordered)
          const check = resultOf(report, rule)
          assert.equal(check.count, expected, rule)
          assert.equal(check.share, all.length === 0 ? 0 : Number((expected / all.length).toPrecision(6)), rule)
          const fails = rule === 's.nullValues' ? (100 * expected) / Math.max(all.length, 1) > r.percent : expected > 0
          assert.equal(check.result, fails ? 'failed' : 'passed', rule)
          assert.ok(check.failedSamples.length <= 5 && check.failedSamples.length > 0 === fails, rule)
        }
        assert.equal(resultOf(report, 't.rowCount').result, all.length > 5 ? 'passed' : 'failed')
      }),
      { numRuns: 25 },
    )
  })
})
