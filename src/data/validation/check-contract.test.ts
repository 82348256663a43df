import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Outcome } from '../../domain/contract/index.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { renderReport } from './render.ts'
import { TestData, resultOf } from './test-data.ts'

let data: TestData
before(async () => {
  data = await TestData.create()
})
after(() => data.close())

const rule = (of: object): object => ({ metric: 'nullValues', mustBe: 0, ...of })
const valid = (args: object, of: object = {}): object => ({ metric: 'invalidValues', arguments: args, mustBe: 0, ...of })
const custom = (implementation: object): object => ({ type: 'custom', engine: 'millrace', implementation })

/** One column `c` of these SQL values, its property, and what its last check must find. */
interface Case {
  readonly values: string
  readonly property: object
  readonly result: Outcome
  readonly count: number
  readonly value?: number | null
}

const CASES: Readonly<Record<string, Case>> = {
  'required finds nulls': { values: `(1), (NULL), (NULL)`, property: { required: true }, result: 'failed', count: 2 },
  'nullValues in percent counts of all rows': { values: `(1), (NULL), (3), (4)`, property: { quality: [rule({ mustBe: undefined, mustBeLessThan: 25, unit: 'percent' })] }, result: 'failed', count: 1, value: 25 },
  'nullValues under its bound passes and still tells the count': { values: `(1), (NULL), (3), (4)`, property: { quality: [rule({ mustBe: undefined, mustBeBetween: [0, 25], unit: 'percent' })] }, result: 'passed', count: 1, value: 25 },
  'a warning does not refuse': { values: `(NULL)`, property: { quality: [rule({ severity: 'warning' })] }, result: 'warning', count: 1 },
  'missingValues counts tokens and null': { values: `('a'), (''), ('N/A'), (NULL)`, property: { quality: [{ metric: 'missingValues', mustBe: 0, arguments: { missingValues: [null, '', 'N/A'] } }] }, result: 'failed', count: 3 },
  'missingValues without null leaves null alone': { values: `('a'), (''), (NULL)`, property: { quality: [{ metric: 'missingValues', mustBe: 0, arguments: { missingValues: [''] } }] }, result: 'failed', count: 1 },
  'missingValues of a number ignores tokens that are none': { values: `(-999.0), (1.5)`, property: { quality: [{ metric: 'missingValues', mustBe: 0, arguments: { missingValues: ['N/A', -999] } }] }, result: 'failed', count: 1 },
  'unique counts repetitions, not the first': { values: `(1), (1), (1), (2)`, property: { unique: true }, result: 'failed', count: 2 },
  'unique lets null repeat': { values: `(1), (NULL), (NULL)`, property: { unique: true }, result: 'passed', count: 0 },
  'duplicateValues in percent': { values: `(1), (1), (2), (3)`, property: { quality: [{ metric: 'duplicateValues', mustBeLessThan: 25, unit: 'percent' }] }, result: 'failed', count: 1, value: 25 },
  'minimum is inclusive': { values: `(0), (1), (NULL)`, property: { logicalType: 'integer', logicalTypeOptions: { minimum: 1 } }, result: 'failed', count: 1 },
  'exclusiveMinimum is not': { values: `(0), (1), (2)`, property: { logicalType: 'integer', logicalTypeOptions: { exclusiveMinimum: 1 } }, result: 'failed', count: 2 },
  'maximum is inclusive': { values: `(1), (2)`, property: { logicalType: 'integer', logicalTypeOptions: { maximum: 1 } }, result: 'failed', count: 1 },
  'exclusiveMaximum is not': { values: `(1), (2), (0)`, property: { logicalType: 'integer', logicalTypeOptions: { exclusiveMaximum: 1 } }, result: 'failed', count: 2 },
  'a bound on doubles may be a fraction': { values: `(0.1::DOUBLE), (0.3), (0.2)`, property: { logicalType: 'number', logicalTypeOptions: { minimum: 0.2 } }, result: 'failed', count: 1 },
  'NaN is above no minimum': { values: `('nan'::DOUBLE), (1)`, property: { logicalType: 'number', logicalTypeOptions: { minimum: 0 } }, result: 'failed', count: 1 },
  'infinity is above a maximum': { values: `('inf'::DOUBLE), ('-inf'::DOUBLE)`, property: { logicalType: 'number', logicalTypeOptions: { maximum: 1e300 } }, result: 'failed', count: 1 },
  'multipleOf of integers': { values: `(-4), (0), (3)`, property: { logicalType: 'integer', logicalTypeOptions: { multipleOf: 2 } }, result: 'failed', count: 1 },
  'multipleOf of doubles forgives rounding': { values: `(0.1 + 0.2::DOUBLE), (0.25)`, property: { logicalType: 'number', logicalTypeOptions: { multipleOf: 0.1 } }, result: 'failed', count: 1 },
  'format u8 bounds an integer': { values: `(255), (256), (-1)`, property: { logicalType: 'integer', logicalTypeOptions: { format: 'u8' } }, result: 'failed', count: 1 },
  'minimum of a date': { values: `(DATE '2013-01-01'), (DATE '2012-12-31')`, property: { logicalType: 'date', logicalTypeOptions: { minimum: '2013-01-01' } }, result: 'failed', count: 1 },
  'maximum of a moment, across zones': { values: `(TIMESTAMPTZ '2013-01-01 00:30:00+01'), (TIMESTAMPTZ '2013-01-01 00:30:00+00')`, property: { logicalType: 'timestamp', logicalTypeOptions: { maximum: '2013-01-01T00:00:00Z' } }, result: 'failed', count: 1 },
  'minLength counts characters': { values: `('é'), ('ab'), ('😀😀')`, property: { logicalType: 'string', logicalTypeOptions: { minLength: 2 } }, result: 'failed', count: 1 },
  'maxLength counts characters': { values: `('😀😀'), ('abc')`, property: { logicalType: 'string', logicalTypeOptions: { maxLength: 2 } }, result: 'failed', count: 1 },
  'pattern is found anywhere': { values: `('xaby'), ('b'), (NULL)`, property: { logicalType: 'string', logicalTypeOptions: { pattern: 'a.' } }, result: 'failed', count: 1 },
  'pattern may be anchored': { values: `('xab'), ('ab')`, property: { logicalType: 'string', logicalTypeOptions: { pattern: '^a.$' } }, result: 'failed', count: 1 },
  'format uuid': { values: `('123e4567-e89b-12d3-a456-426614174000'), ('123e4567')`, property: { logicalType: 'string', logicalTypeOptions: { format: 'uuid' } }, result: 'failed', count: 1 },
  'format ipv4': { values: `('127.0.0.1'), ('256.0.0.1'), ('1.2.3')`, property: { logicalType: 'string', logicalTypeOptions: { format: 'ipv4' } }, result: 'failed', count: 2 },
  'format ipv6': { values: `('::1'), ('2001:db8::8a2e:370:7334'), (':::'), ('1::2::3')`, property: { logicalType: 'string', logicalTypeOptions: { format: 'ipv6' } }, result: 'failed', count: 2 },
  'format email': { values: `('a@b.org'), ('a@b'), ('a b@c.org'), ('@c.org')`, property: { logicalType: 'string', logicalTypeOptions: { format: 'email' } }, result: 'failed', count: 2 },
  'format hostname': { values: `('a.example.org'), ('-a.org'), ('a..b')`, property: { logicalType: 'string', logicalTypeOptions: { format: 'hostname' } }, result: 'failed', count: 2 },
  'format uri': { values: `('https://a.org/b?c'), ('no uri'), ('mailto:a@b.org')`, property: { logicalType: 'string', logicalTypeOptions: { format: 'uri' } }, result: 'failed', count: 1 },
  'format byte': { values: `('aGk='), ('aGk'), ('')`, property: { logicalType: 'string', logicalTypeOptions: { format: 'byte' } }, result: 'failed', count: 1 },
  'validValues of text': { values: `('EWR'), ('XXX'), (NULL), ('ewr')`, property: { quality: [valid({ validValues: ['EWR', 'JFK'] })] }, result: 'failed', count: 2 },
  'validValues of text that looks like SQL': { values: `('it''s'), ('''); DROP')`, property: { quality: [valid({ validValues: ["it's", "'); DROP"] })] }, result: 'passed', count: 0 },
  'validValues of numbers': { values: `(1), (2), (3)`, property: { quality: [valid({ validValues: [1, 3] })] }, result: 'failed', count: 1 },
  'validValues of numbers in a text column': { values: `('1'), ('x')`, property: { quality: [valid({ validValues: [1] })] }, result: 'failed', count: 1 },
  'validValues that no value of the type can be': { values: `(1), (2)`, property: { quality: [valid({ validValues: ['a'] })] }, result: 'failed', count: 2 },
  'validValues of truth': { values: `(true), (false)`, property: { quality: [valid({ validValues: [true] })] }, result: 'failed', count: 1 },
  'invalidValues with a set and a pattern asks for both': { values: `('a1'), ('b1'), ('a2'), ('c')`, property: { quality: [valid({ validValues: ['a1', 'b1', 'c'], pattern: '1$' })] }, result: 'failed', count: 2 },
  'invalidValues with a bound above zero': { values: `('a'), ('b')`, property: { quality: [valid({ validValues: ['a'] }, { mustBe: undefined, mustBeLessOrEqualTo: 50, unit: 'percent' })] }, result: 'passed', count: 1, value: 50 },
  'forbiddenValues': { values: `('a'), ('b'), (NULL)`, property: { quality: [custom({ check: 'forbiddenValues', values: ['b'] })] }, result: 'failed', count: 1 },
  'a row expression lets null pass': { values: `(1), (-1), (NULL)`, property: { quality: [custom({ check: 'rows', expression: 'c > 0' })] }, result: 'failed', count: 1 },
  'a row expression may end in a comment': { values: `(1), (-1)`, property: { quality: [custom({ check: 'rows', expression: 'c > 0 -- positive' })] }, result: 'failed', count: 1 },
  'a row expression that is no SQL is an error of its own': { values: `(1)`, property: { quality: [custom({ check: 'rows', expression: 'nothing > 0' })] }, result: 'error', count: 0, value: null },
  'a row expression cannot smuggle a statement': { values: `(1)`, property: { quality: [custom({ check: 'rows', expression: 'true) FROM __data; CREATE TABLE x AS SELECT (1' })] }, result: 'error', count: 0, value: null },
  'mean': { values: `(1), (2), (6), (NULL)`, property: { quality: [custom({ check: 'statistic', statistic: 'mean', mustBe: 3 })] }, result: 'passed', count: 0, value: 3 },
  'median': { values: `(1), (2), (6)`, property: { quality: [custom({ check: 'statistic', statistic: 'median', mustBeGreaterThan: 2 })] }, result: 'failed', count: 3, value: 2 },
  'stddev is of the sample': { values: `(1), (2), (3)`, property: { quality: [custom({ check: 'statistic', statistic: 'stddev', mustBe: 1 })] }, result: 'passed', count: 0, value: 1 },
  'a quantile lies between values': { values: `(0), (10)`, property: { quality: [custom({ check: 'statistic', statistic: 'quantile', quantile: 0.25, mustBe: 2.5 })] }, result: 'passed', count: 0, value: 2.5 },
  'distinctCount': { values: `('a'), ('a'), ('b'), (NULL)`, property: { quality: [custom({ check: 'statistic', statistic: 'distinctCount', mustBe: 2 })] }, result: 'passed', count: 0, value: 2 },
  'distinctShare is of the values that are there': { values: `('a'), ('a'), ('b'), ('c'), (NULL)`, property: { quality: [custom({ check: 'statistic', statistic: 'distinctShare', mustBe: 0.75 })] }, result: 'passed', count: 0, value: 0.75 },
  'a statistic of nothing fails': { values: `(NULL::INTEGER)`, property: { quality: [custom({ check: 'statistic', statistic: 'max', mustBeLessThan: 9 })] }, result: 'failed', count: 1, value: null },
  'a statistic that the type has not is an error': { values: `('a')`, property: { quality: [custom({ check: 'statistic', statistic: 'mean', mustBeLessThan: 9 })] }, result: 'error', count: 0, value: null },
  'sql gives a number': { values: `(1), (2)`, property: { quality: [{ type: 'sql', query: 'SELECT max({property}) FROM {object}', mustBeLessThan: 2 }] }, result: 'failed', count: 2, value: 2 },
  'sql gives a truth': { values: `(1), (2)`, property: { quality: [{ type: 'sql', query: 'SELECT bool_and("c" > 0) FROM t;', mustBe: true }] }, result: 'passed', count: 0, value: 1 },
  'sql that gives several values is an error': { values: `(1), (2)`, property: { quality: [{ type: 'sql', query: 'SELECT c FROM t', mustBe: 1 }] }, result: 'error', count: 0, value: null },
  'sql that gives text is an error': { values: `(1)`, property: { quality: [{ type: 'sql', query: `SELECT 'a'`, mustBe: 1 }] }, result: 'error', count: 0, value: null },
  'sql may not write': { values: `(1)`, property: { quality: [{ type: 'sql', query: 'CREATE TABLE x (y INTEGER)', mustBe: 1 }] }, result: 'error', count: 0, value: null },
  'sql may not read other files': { values: `(1)`, property: { quality: [{ type: 'sql', query: `SELECT count(*) FROM read_text('contract.yaml')`, mustBe: 1 }] }, result: 'error', count: 0, value: null },
}

describe('a check of one column', () => {
  for (const [name, one] of Object.entries(CASES)) {
    it(name, async () => {
      await data.parquet('case.parquet', `SELECT * FROM (VALUES ${one.values}) v(c)`)
      const report = await data.check({ properties: [{ name: 'c', ...one.property }] }, ['case.parquet'])
      const check = report.checks.at(-1)
      assert.deepEqual([check?.result, check?.count], [one.result, one.count], check?.reason)
      if (one.value !== undefined) assert.ok(Object.is(check?.value, one.value) || Math.abs((check?.value ?? 0) - (one.value ?? 0)) < 1e-12, `value ${check?.value}`)
      if (one.result !== 'passed') assert.ok(check?.reason !== undefined && check.reason !== '')
    })
  }

  it('that is in error spoils no other', async () => {
    await data.parquet('case.parquet', `SELECT 1 AS c, 'x' AS d`)
    const report = await data.check(
      { properties: [{ name: 'c', required: true }, { name: 'd', quality: [custom({ check: 'statistic', statistic: 'sum', mustBe: 1 })] }], quality: [custom({ check: 'rows', expression: 'd + 1 > 0' })] },
      ['case.parquet'],
    )
    assert.deepEqual(report.checks.map((check) => check.result), ['passed', 'passed', 'passed', 'error', 'error'])
    assert.equal(report.result, 'error')
  })
})

describe('a contract’s own SQL', () => {
  const attempts = {
    'read another file': `SELECT count(*) FROM read_text('/etc/hostname')`,
    'read a folder': `SELECT count(*) FROM glob('/*')`,
    'read the contract’s neighbour': `SELECT count(*) FROM 'contract.yaml'`,
    'read the environment': `SELECT getenv('HOME')`,
    'load an extension': 'LOAD httpfs',
    'lift the lock': 'SET enable_external_access = true',
    'write a file': `COPY (SELECT 1) TO 'stolen.csv'`,
    'attach a database': `ATTACH 'x.db'`,
    'do two things': 'SELECT 1; SELECT 2',
  }
  for (const [what, query] of Object.entries(attempts)) {
    it(`cannot ${what}`, async () => {
      await data.parquet('case.parquet', 'SELECT 1 AS c')
      const report = await data.check({ properties: [{ name: 'c' }], quality: [{ type: 'sql', query, mustBeGreaterThan: -1 }] }, ['case.parquet'])
      assert.deepEqual([report.checks.at(-1)?.result, report.result], ['error', 'error'])
      assert.match(report.checks.at(-1)?.reason ?? '', /disabled by configuration|expected (a|one) SELECT|does not exist|not found/i)
    })
  }
})

describe('a check of the table', () => {
  it('counts rows', async () => {
    await data.parquet('case.parquet', 'SELECT range AS c FROM range(10)')
    const report = await data.check({ properties: [{ name: 'c' }], quality: [{ metric: 'rowCount', mustBeBetween: [1, 10] }, { metric: 'rowCount', mustBeGreaterThan: 10 }] }, ['case.parquet'])
    assert.deepEqual(report.checks.slice(1).map((check) => [check.result, check.value, check.count, check.share]), [['passed', 10, 0, 0], ['failed', 10, 10, 1]])
  })

  it('finds repeated compound keys, with the rows where they stand', async () => {
    await data.parquet('case.parquet', `SELECT * FROM (VALUES (1, 'a'), (1, 'b'), (1, 'a'), (NULL, 'a'), (NULL, 'a'), (1, 'a')) v(k, l)`)
    const report = await data.check({ properties: [{ name: 'k' }, { name: 'l' }], quality: [{ metric: 'duplicateValues', mustBe: 0, arguments: { properties: ['k', 'l'] } }] }, ['case.parquet'])
    const check = resultOf(report, 't.duplicateValues')
    assert.deepEqual([check.result, check.count, check.columns], ['failed', 2, ['k', 'l']])
    assert.deepEqual(check.failedSamples, [{ k: 1, l: 'a', occurrences: 3, rows: ['case.parquet:0', 'case.parquet:2', 'case.parquet:5'] }])
  })

  it('names columns that the contract does not', async () => {
    await data.parquet('case.parquet', 'SELECT 1 AS c, 2 AS d')
    const report = await data.check({ properties: [{ name: 'c' }], quality: [custom({ check: 'otherColumns' })] }, ['case.parquet'])
    assert.deepEqual([report.result, report.checks.at(-1)?.reason, report.checks.at(-1)?.count], ['failed', 'not in the contract: d', 1])
    assert.deepEqual(report.warnings, ['column d of the data is not in the contract'])
  })

  it('shows at most five rows, the first, with key and file', async () => {
    await data.parquet('a.parquet', 'SELECT range AS k, 1 AS c FROM range(3)')
    await data.parquet('b.parquet', 'SELECT range + 10 AS k, -range AS c FROM range(9)')
    const report = await data.check({ properties: [{ name: 'k', primaryKey: true }, { name: 'c', logicalType: 'integer', logicalTypeOptions: { minimum: 0 } }] }, ['?.parquet'])
    const check = resultOf(report, 'c.minimum')
    assert.deepEqual([check.count, check.share, check.failedSamples.length], [8, Number((8 / 12).toPrecision(6)), 5])
    assert.deepEqual(check.failedSamples[0], { file: 'b.parquet', row: 1, k: 11, c: -1 })
  })

  it('withholds the values of classified columns', async () => {
    await data.parquet('case.parquet', `SELECT 'secret' AS c, 1 AS d`)
    const report = await data.check({ properties: [{ name: 'c', classification: 'PII', logicalType: 'string', logicalTypeOptions: { maxLength: 1 } }] }, ['case.parquet'])
    assert.equal(JSON.stringify(report).includes('secret'), false)
    assert.equal(resultOf(report, 'c.maxLength').failedSamples[0]?.['c'], '(withheld)')
  })
})

describe('freshness', () => {
  const properties = [{ name: 'at', logicalType: 'timestamp' }]
  const levels = [{ property: 'latency', value: 2, unit: 'h', element: 't.at' }, { property: 'frequency', value: 30, unit: 'min', element: 't.at' }]

  it('is the age of the newest value at the moment of the check, to the second', async () => {
    await data.parquet('case.parquet', `SELECT TIMESTAMPTZ '2013-04-30 22:00:00+00' AS at`)
    const on = await data.check({ properties }, ['case.parquet'], { asOf: '2013-05-01T00:00:00Z', slaProperties: levels })
    const late = await data.check({ properties }, ['case.parquet'], { asOf: '2013-05-01T00:00:01Z', slaProperties: levels })
    assert.deepEqual([on, late].map((report) => resultOf(report, 'at.latency')).map((check) => [check.result, check.value]), [['passed', 7200], ['failed', 7201]])
    assert.equal(resultOf(late, 'at.latency').reason, 'found 2 h, expected ≤ 2 h')
  })

  it('of a moment without a zone is read as UTC', async () => {
    await data.parquet('case.parquet', `SELECT TIMESTAMP '2013-04-30 23:00:00' AS at`)
    const report = await data.check({ properties }, ['case.parquet'], { asOf: '2013-05-01T00:00:00Z', slaProperties: levels })
    assert.equal(resultOf(report, 'at.latency').value, 3600)
  })

  it('of no rows fails: there is nothing fresh', async () => {
    await data.parquet('case.parquet', `SELECT TIMESTAMPTZ '2013-04-30 22:00:00+00' AS at WHERE false`)
    const report = await data.check({ properties }, ['case.parquet'], { slaProperties: levels })
    assert.deepEqual([resultOf(report, 'at.latency').result, resultOf(report, 'at.latency').reason], ['failed', 'there is no value to measure'])
  })

  it('has no gap longer than its frequency', async () => {
    await data.parquet('case.parquet', `SELECT TIMESTAMPTZ '2013-04-30 22:00:00+00' + to_minutes(m) AS at FROM (VALUES (0), (60), (30), (91), (91)) v(m)`)
    const report = await data.check({ properties }, ['case.parquet'], { slaProperties: levels })
    assert.deepEqual([resultOf(report, 'at.frequency').result, resultOf(report, 'at.frequency').value], ['failed', 1860])
  })
})

describe('files that disagree', () => {
  const properties = [{ name: 'k', logicalType: 'integer', primaryKey: true }, { name: 'c', logicalType: 'integer', required: true, logicalTypeOptions: { minimum: 0 } }]

  it('are judged apart: a column that one lacks is reported once, and its rules hold for the others', async () => {
    await data.parquet('a.parquet', 'SELECT 1 AS k, -1 AS c')
    await data.parquet('b.parquet', 'SELECT 2 AS k')
    const report = await data.check({ properties }, ['a.parquet', 'b.parquet'])
    assert.deepEqual([resultOf(report, 'c.present').count, resultOf(report, 'c.present').reason], [1, 'b.parquet has no column c'])
    assert.deepEqual([resultOf(report, 'c.required').result, resultOf(report, 'c.minimum').count], ['passed', 1])
  })

  it('in a type: the wrong one is named', async () => {
    await data.parquet('a.parquet', 'SELECT 1 AS k, -1 AS c')
    await data.parquet('b.parquet', `SELECT 2 AS k, 'text' AS c`)
    const report = await data.check({ properties }, ['a.parquet', 'b.parquet'])
    assert.deepEqual([resultOf(report, 'c.type').count, resultOf(report, 'c.type').reason], [1, 'in b.parquet c is VARCHAR, expected integer'])
    assert.deepEqual([resultOf(report, 'c.required').result, resultOf(report, 'c.minimum').count], ['passed', 1])
  })

  it('with the contract alone: what rests on the column is skipped, not blamed', async () => {
    await data.parquet('a.parquet', `SELECT 1 AS k, 'text' AS c`)
    const report = await data.check({ properties, quality: [custom({ check: 'rows', expression: 'c > k' }), custom({ check: 'rows', expression: 'k > 0' })] }, ['a.parquet'])
    assert.deepEqual(report.checks.map((check) => check.result), ['passed', 'passed', 'passed', 'passed', 'failed', 'skipped', 'skipped', 'passed', 'skipped', 'passed'])
    assert.equal(report.result, 'failed')
  })

  it('in the case of a column’s name do not agree with the contract', async () => {
    await data.parquet('a.parquet', 'SELECT 1 AS k, 1 AS C')
    assert.equal(resultOf(await data.check({ properties }, ['a.parquet']), 'c.present').result, 'failed')
  })

  it('in the order of their columns do agree', async () => {
    await data.parquet('a.parquet', 'SELECT 1 AS k, 5 AS c')
    await data.parquet('b.parquet', 'SELECT -5 AS c, 2 AS k')
    const report = await data.check({ properties }, ['a.parquet', 'b.parquet'])
    assert.deepEqual(resultOf(report, 'c.minimum').failedSamples, [{ file: 'b.parquet', row: 0, k: 2, c: -5 }])
  })
})

describe('CSV', () => {
  it('is judged by what its text says', async () => {
    data.write('a.csv', 'k,n,x,at,flag\n1,5,1.5,2013-04-30T12:00:00Z,true\n2,1.5,abc,never,maybe\n3,,,,\n')
    const properties = [
      { name: 'k', logicalType: 'integer', primaryKey: true }, { name: 'n', logicalType: 'integer', required: true, logicalTypeOptions: { minimum: 6 } },
      { name: 'x', logicalType: 'number' }, { name: 'at', logicalType: 'timestamp' }, { name: 'flag', logicalType: 'boolean' },
    ]
    const report = await data.check({ properties }, ['a.csv'], { slaProperties: [{ property: 'latency', value: 12, unit: 'h', element: 'at' }] })
    const found = Object.fromEntries(report.checks.filter((check) => check.count > 0).map((check) => [check.rule, check.count]))
    assert.deepEqual(found, { 'n.type': 1, 'n.required': 1, 'n.minimum': 1, 'x.type': 1, 'at.type': 1, 'flag.type': 1 })
    assert.deepEqual([report.rows, resultOf(report, 'at.latency').value], [3, 43_200])
    assert.deepEqual(resultOf(report, 'n.minimum').failedSamples, [{ file: 'a.csv', row: 0, k: 1, n: 5 }])
  })

  it('shows text that is no value of its type as it is written, also in a key, and withholds it where values are withheld', async () => {
    data.write('a.csv', 'k,n,at,secret\n1,1.5,never,x\nII,2,2013-04-30T12:00:00Z,3\n')
    const properties = [
      { name: 'k', logicalType: 'integer', primaryKey: true }, { name: 'n', logicalType: 'integer', logicalTypeOptions: { maximum: 1 } },
      { name: 'at', logicalType: 'timestamp' }, { name: 'secret', logicalType: 'integer', classification: 'restricted' },
    ]
    const report = await data.check({ properties }, ['a.csv'])
    const samples = Object.fromEntries(report.checks.filter((check) => check.failedSamples.length > 0).map((check) => [check.rule, check.failedSamples[0]]))
    assert.deepEqual(samples, {
      'k.type': { file: 'a.csv', row: 1, k: 'II' },
      'n.type': { file: 'a.csv', row: 0, k: 1, n: '1.5' },
      'n.maximum': { file: 'a.csv', row: 1, k: 'II', n: 2 },
      'at.type': { file: 'a.csv', row: 0, k: 1, at: 'never' },
      'secret.type': { file: 'a.csv', row: 0, k: 1, secret: '(withheld)' },
    })
    assert.match(renderReport(report), /a\.csv row 0: k=1 at=never/)
  })

  it('tells an empty field from an empty text', async () => {
    data.write('a.csv', 'k,c\n1,\n2,""\n3,a\n')
    const report = await data.check({ properties: [{ name: 'c', logicalType: 'string', required: true, logicalTypeOptions: { minLength: 1 } }] }, ['a.csv'])
    assert.deepEqual([resultOf(report, 'c.required').count, resultOf(report, 'c.minLength').count], [1, 1])
  })

  it('lacking a column says so', async () => {
    data.write('a.csv', 'a,b\n1,2\n')
    assert.equal(resultOf(await data.check({ properties: [{ name: 'c', logicalType: 'integer' }] }, ['a.csv']), 'c.present').reason, 'a.csv has no column c')
  })
})

describe('what cannot be judged at all', () => {
  const properties = [{ name: 'c' }]
  const refusal = (code: string, message: RegExp) => (error: unknown) => error instanceof MillraceError && error.code === code && message.test(error.message)

  it('names a file that is not there', async () => {
    await assert.rejects(data.check({ properties }, ['none-*.parquet']), refusal('DATA_NOT_FOUND', /^none-\*\.parquet names no file/))
  })

  it('names a file that is not Parquet, and what it starts with', async () => {
    data.write('text.parquet', 'this is not Parquet')
    await assert.rejects(data.check({ properties }, ['text.parquet']), refusal('DATA_UNREADABLE', /^text\.parquet is not Parquet: expected it to start with PAR1, found "this"/))
  })

  it('names an empty file', async () => {
    data.write('empty.parquet', '')
    await assert.rejects(data.check({ properties }, ['empty.parquet']), refusal('DATA_UNREADABLE', /^empty\.parquet is not Parquet: it is empty/))
  })

  it('names a file that is cut off', async () => {
    await data.parquet('whole.parquet', 'SELECT range AS c FROM range(1000)')
    const { readFileSync } = await import('node:fs')
    data.write('cut.parquet', readFileSync(`${data.folder}/whole.parquet`).subarray(0, 900))
    await assert.rejects(data.check({ properties }, ['cut.parquet']), refusal('DATA_UNREADABLE', /^cut\.parquet is cut off/))
  })

  it('names a file whose footer is damaged', async () => {
    data.write('damaged.parquet', 'PAR1 xxxxxxxxxxxxxxxxxxxxxxxx \x08\x00\x00\x00PAR1')
    await assert.rejects(data.check({ properties }, ['damaged.parquet']), refusal('DATA_UNREADABLE', /^damaged\.parquet cannot be read as Parquet: /))
  })

  it('names a mixture of formats', async () => {
    data.write('a.csv', 'c\n1\n')
    await data.parquet('a.parquet', 'SELECT 1 AS c')
    await assert.rejects(data.check({ properties }, ['a.csv', 'a.parquet']), refusal('DATA_UNREADABLE', /check them apart/))
  })

  it('names what is wrong with the contract', async () => {
    await assert.rejects(data.check({ nonsense: 1 }, ['a.parquet']), refusal('CONTRACT_INVALID', /^contract\.yaml:1:\d+: schema\[0\]\.nonsense: is not a key/))
  })

  it('leaves the process able to go on', async () => {
    await data.parquet('case.parquet', 'SELECT 1 AS c')
    assert.equal((await data.check({ properties }, ['case.parquet'])).result, 'passed')
  })
})

describe('a report', () => {
  it('of the same contract, data and moment is the same, to the byte', async () => {
    await data.parquet('case.parquet', `SELECT range % 7 AS k, (range % 3)::VARCHAR AS c FROM range(5000)`)
    const check = async (): Promise<string> =>
      JSON.stringify(await data.check({ properties: [{ name: 'k', unique: true }, { name: 'c', quality: [valid({ validValues: ['1'] })] }] }, ['case.parquet']))
    assert.equal(await check(), await check())
  })
})
