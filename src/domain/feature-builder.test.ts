import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { compileFeatures } from './feature-builder.ts'
import { parseFeatureSpec, signatureInputs, type FeatureSpec } from './feature-spec.ts'

const spec: FeatureSpec = {
  format: 'millrace.features/1',
  service: 'flight-delay',
  inputs: [
    { name: 'time_hour', type: 'datetime', required: true },
    { name: 'origin', type: 'string', required: true },
    { name: 'year', type: 'long', required: true },
    { name: 'month', type: 'long', required: true },
    { name: 'day', type: 'long', required: true },
    { name: 'sched', type: 'long', required: true },
  ],
  entity: { name: 'airport', joinKey: 'origin' },
  moment: { column: 'time_hour', plusMinutes: [], offsetMinutes: -60 },
  online: ['weather:temp', 'weather:sky'],
  numeric: [
    { name: 'day_of_week', transform: 'day_of_week', of: ['year', 'month', 'day'], fill: null },
    { name: 'minutes', transform: 'minutes_of_hhmm', of: ['sched'], fill: null },
    { name: 'temp', transform: 'passthrough', of: ['weather:temp'], fill: 50 },
  ],
  categorical: [
    { name: 'origin', transform: 'passthrough', of: ['origin'] },
    { name: 'sky', transform: 'passthrough', of: ['weather:sky'] },
  ],
}
const builder = compileFeatures(spec)
const row = { time_hour: '2013-01-01T10:00:00Z', origin: 'JFK', year: 2013, month: 1, day: 1, sched: 1435 }

function build(input: Readonly<Record<string, unknown>>, online?: readonly (string | number | null | undefined)[]) {
  const [numeric, categorical] = [new Float32Array(5), ['', '', '', '']]
  const missing = builder.build(input, online, numeric, 1, categorical, 1)
  return { numeric: Array.from(numeric.subarray(1, 4)), categorical: categorical.slice(1, 3), missing, outside: [numeric[0], numeric[4], categorical[0], categorical[3]] }
}

test('a raw row and the features of the store become the inputs of the model, at their place in the batch', () => {
  assert.deepEqual(build(row, [39.5, 'clear']), { numeric: [2, 875, 39.5], categorical: ['JFK', 'clear'], missing: [], outside: [0, 0, '', ''] })
})

test('a feature in the row itself goes before the store, and a row that has all needs no lookup', () => {
  const given = { ...row, weather__temp: 70, weather__sky: 'rain' }
  assert.deepEqual(build(given, [39.5, 'clear']).numeric, [2, 875, 70])
  assert.equal(builder.needsLookup(given), false)
  assert.equal(builder.needsLookup({ ...row, weather__temp: 70 }), true)
})

test('what the store did not answer is filled as in training and told; a null is an answer, and filled too', () => {
  assert.deepEqual(build(row), { numeric: [2, 875, 50], categorical: ['JFK', ''], missing: ['weather:temp', 'weather:sky'], outside: [0, 0, '', ''] })
  assert.deepEqual(build(row, [null, null]), { numeric: [2, 875, 50], categorical: ['JFK', ''], missing: [], outside: [0, 0, '', ''] })
})

test('the moment of prediction is told by the row', () => {
  assert.equal(builder.momentOf(row), Date.UTC(2013, 0, 1, 9))
})

test('rows and columns give the same inputs, bit by bit', () => {
  const value = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(null))
  const raw = fc.record({
    origin: fc.constantFrom('JFK', 'LGA'),
    year: fc.integer({ min: 1900, max: 2100 }),
    month: fc.integer({ min: 1, max: 12 }),
    day: fc.integer({ min: 1, max: 31 }),
    sched: fc.integer({ min: 0, max: 2359 }),
    weather__temp: value,
    weather__sky: fc.constantFrom('clear', 'rain', null),
  })
  fc.assert(
    fc.property(fc.array(raw, { minLength: 1, maxLength: 10 }), (rows) => {
      const column = (name: string) => rows.map((each) => ({ ...each })[name as keyof (typeof rows)[number]])
      const columns = builder.buildColumns({
        rows: rows.length,
        numbers: (name) => Float64Array.from(column(name), (each) => (typeof each === 'number' ? each : Number.NaN)),
        strings: (name) => column(name).map((each) => (typeof each === 'string' ? each : null)),
      })
      rows.forEach((each, i) => {
        const built = build(each)
        assert.deepEqual(built.numeric, columns.numeric.map((values) => values[i]))
        assert.deepEqual(built.categorical, columns.categorical.map((values) => values[i] ?? ''))
      })
    }),
  )
})

test('the signature has the raw columns and, optional, every feature of the store', () => {
  assert.deepEqual(signatureInputs(spec).slice(5), [
    { name: 'sched', type: 'long', required: true },
    { name: 'weather__temp', type: 'double', required: false },
    { name: 'weather__sky', type: 'string', required: false },
  ])
})

test('a specification is read back as it was written', () => {
  assert.deepEqual(parseFeatureSpec(JSON.stringify(spec)), spec)
})

test('a specification that does not hold together is refused with the reason', () => {
  const changed = (change: Partial<FeatureSpec>) => () => parseFeatureSpec(JSON.stringify({ ...spec, ...change }), 'model/features.json')
  assert.throws(() => parseFeatureSpec('{', 'x'), { code: 'FEATURES_INVALID', message: 'x: is no JSON' })
  assert.throws(changed({ numeric: [{ name: 'a', transform: 'square', of: ['sched'], fill: null }] }), /^.*model\/features\.json: a: there is no transformation square/)
  assert.throws(changed({ numeric: [{ name: 'a', transform: 'difference', of: ['sched'], fill: null }] }), /a: difference takes \(a, b\), found 1 columns/)
  assert.throws(changed({ numeric: [{ name: 'a', transform: 'passthrough', of: ['wether:temp'], fill: null }] }), /a: wether:temp is neither an input nor a feature/)
  assert.throws(changed({ entity: { name: 'airport', joinKey: 'faa' } }), /faa is needed to ask the feature store, but is no input/)
  assert.throws(changed({ categorical: [{ name: 'temp', transform: 'passthrough', of: ['origin'] }] }), /two inputs of the model are called temp/)
})
