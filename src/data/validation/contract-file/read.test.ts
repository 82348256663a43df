import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { describeProblem } from './problems.ts'
import { readContract } from './read.ts'

const HEAD = 'apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\n'
/** Line 6 is `schema:`; `column` stands from line 9 on, indented by eight. */
const withColumn = (column: string): string => `${HEAD}schema:\n  - name: t\n    properties:\n      - name: c\n${indent(column, 8)}`
const withQuality = (rule: string): string => withColumn(`logicalType: string\nquality:\n  - ${indent(rule, 4).trimStart()}`)
const withTable = (table: string): string => `${HEAD}schema:\n  - name: t\n    properties: [{ name: c, logicalType: integer }]\n${indent(table, 4)}`

function indent(text: string, by: number): string {
  return text.split('\n').map((line) => ' '.repeat(by) + line).join('\n')
}

function errors(text: string): readonly string[] {
  return readContract(text, 'c.yaml').problems.filter((problem) => problem.severity === 'error').map(describeProblem)
}

function warnings(text: string): readonly string[] {
  return readContract(text, 'c.yaml').problems.filter((problem) => problem.severity === 'warning').map(describeProblem)
}

describe('reading a contract', () => {
  it('makes checks of what the schema says', () => {
    const { contract, problems } = readContract(
      withColumn('logicalType: integer\nrequired: true\nunique: true\nlogicalTypeOptions: { minimum: 0, exclusiveMaximum: 10, multipleOf: 2 }'),
      'c.yaml',
    )
    assert.deepEqual(problems, [])
    assert.deepEqual(contract?.tables[0]?.checks.map((check) => check.rule), ['c.present', 'c.type', 'c.required', 'c.unique', 'c.minimum', 'c.exclusiveMaximum', 'c.multipleOf'])
  })

  it('orders a compound key by its positions and asks for uniqueness of the whole', () => {
    const text = `${HEAD}schema:
  - name: t
    properties:
      - { name: b, primaryKey: true, primaryKeyPosition: 2 }
      - { name: a, primaryKey: true, primaryKeyPosition: 1, physicalName: A_1 }`
    const checks = readContract(text, 'c.yaml').contract?.tables[0]?.checks ?? []
    assert.deepEqual(checks.at(-1)?.measure, { kind: 'duplicateValues', columns: ['A_1', 'b'] })
    assert.deepEqual(checks.map((check) => check.rule), ['b.present', 'b.required', 'A_1.present', 'A_1.required', 't.primaryKey'])
  })

  it('gives two rules of one name two names', () => {
    const { contract } = readContract(withColumn('logicalType: string\nquality:\n  - { metric: nullValues, mustBe: 0 }\n  - { metric: nullValues, mustBeLessThan: 5 }'), 'c.yaml')
    assert.deepEqual(contract?.tables[0]?.checks.slice(2).map((check) => check.rule), ['c.nullValues', 'c.nullValues#2'])
  })

  it('reads a rule’s name, dimension, severity and tags', () => {
    const { contract } = readContract(withQuality('metric: nullValues\nname: few nulls\nid: q1\ndimension: accuracy\nseverity: Warning\ntags: [a]\nmustBeLessThan: 5\nunit: percent'), 'c.yaml')
    const check = contract?.tables[0]?.checks.at(-1)
    assert.deepEqual(
      [check?.rule, check?.qualityId, check?.dimension, check?.severity, check?.tags, check?.unit, check?.threshold],
      ['few nulls', 'q1', 'accuracy', 'warning', ['a'], 'percent', { operator: 'mustBeLessThan', value: 5 }],
    )
  })

  it('puts the table and the column into a query, quoted', () => {
    const { contract } = readContract(withQuality('type: sql\nquery: SELECT count(*) FROM ${object} WHERE {property} > 0\nmustBe: true'), 'c.yaml')
    const check = contract?.tables[0]?.checks.at(-1)
    assert.deepEqual(check?.measure, { kind: 'query', sql: 'SELECT count(*) FROM "t" WHERE "c" > 0' })
    assert.deepEqual(check.threshold, { operator: 'mustBe', value: 1 })
  })

  it('reads latency and frequency with their synonyms', () => {
    const text = `${HEAD}schema: [{ name: t, properties: [{ name: at, logicalType: timestamp }] }]
slaProperties:
  - { property: ly, value: 2, unit: h, element: t.at }
  - { property: Frequency, value: 1, element: at }`
    const checks = readContract(text, 'c.yaml').contract?.tables[0]?.checks.slice(2) ?? []
    assert.deepEqual(checks.map(({ rule, measure, threshold }) => ({ rule, measure, threshold })), [
      { rule: 'at.latency', measure: { kind: 'age', column: 'at' }, threshold: { operator: 'mustBeLessOrEqualTo', value: 7200 } },
      { rule: 'at.frequency', measure: { kind: 'gap', column: 'at' }, threshold: { operator: 'mustBeLessOrEqualTo', value: 86_400 } },
    ])
  })

  it('accepts what only people read', () => {
    const text = `${HEAD}tags: [a]\ndescription: { purpose: p }\nteam: { name: t }\nsupport: []\nservers: []\nschema: [{ name: t, tags: [b], properties: [{ name: c, description: d, examples: [1] }] }]`
    assert.deepEqual(readContract(text, 'c.yaml').problems, [])
  })
})

describe('a malformed contract', () => {
  const cases: readonly [string, string, string][] = [
    ['an unknown key', `${HEAD}schema: []\nqualty: []`, 'c.yaml:7:1: qualty: is not a key of the standard here'],
    ['a key in the wrong case', withColumn('logicaltype: string'), 'c.yaml:10:9: schema[0].properties[0].logicaltype: is not a key of the standard here; did you mean logicalType?'],
    ['another version of the standard', `${HEAD}schema: []`.replace('v3.1.0', 'v2.2.2'), 'c.yaml:1:13: apiVersion: expected one of v3.1.0, v3.0.2, v3.0.1, v3.0.0; found "v2.2.2"'],
    ['an unknown type', withColumn('logicalType: int'), 'c.yaml:10:22: schema[0].properties[0].logicalType: expected one of string, date, timestamp, time, number, integer, object, array, boolean; found "int"'],
    ['text for a bound', withColumn('logicalType: integer\nlogicalTypeOptions: { minimum: "1" }'), 'c.yaml:11:40: schema[0].properties[0].logicalTypeOptions.minimum: expected a number, found "1"'],
    ['an option outside of its place', withColumn('logicalType: integer\nminimum: 1'), 'c.yaml:11:9: schema[0].properties[0].minimum: is not a key of the standard here; it belongs inside logicalTypeOptions'],
    ['an option of another type', withColumn('logicalType: integer\nlogicalTypeOptions: { minLength: 1 }'), 'c.yaml:11:31: schema[0].properties[0].logicalTypeOptions.minLength: is not a key of the standard here'],
    ['options without a type', withColumn('logicalTypeOptions: { minLength: 1 }'), 'c.yaml:10:29: schema[0].properties[0].logicalTypeOptions: needs a logicalType beside it'],
    ['bounds that nothing can meet', withColumn('logicalType: number\nlogicalTypeOptions: { minimum: 3, maximum: 2 }'), 'c.yaml:11:29: schema[0].properties[0].logicalTypeOptions: the least value 3 is above the greatest 2'],
    ['a day that is none', withColumn('logicalType: date\nlogicalTypeOptions: { minimum: 2013-13-01 }'), 'c.yaml:11:40: schema[0].properties[0].logicalTypeOptions.minimum: expected a date such as 2013-01-31, found "2013-13-01"'],
    ['a pattern that is none', withColumn('logicalType: string\nlogicalTypeOptions: { pattern: "(" }'), 'c.yaml:11:40: schema[0].properties[0].logicalTypeOptions.pattern: is no regular expression: Invalid regular expression: /(/: Unterminated group'],
    ['a pattern that looks ahead', withColumn("logicalType: string\nlogicalTypeOptions: { pattern: 'a(?!b)' }"), 'c.yaml:11:40: schema[0].properties[0].logicalTypeOptions.pattern: looks around with (?= or its kin, which the engine (RE2) cannot do'],
    ['a pattern that refers back', withColumn("logicalType: string\nlogicalTypeOptions: { pattern: '(a)\\1' }"), 'c.yaml:11:40: schema[0].properties[0].logicalTypeOptions.pattern: refers back to a group, which the engine (RE2) cannot do'],
    ['yes for true', withColumn('required: yes'), 'c.yaml:10:19: schema[0].properties[0].required: expected true or false, found "yes"'],
    ['a column named twice', `${HEAD}schema: [{ name: t, properties: [{ name: c }, { name: c }] }]`, 'c.yaml:6:33: schema[0].properties: names "c" twice'],
    ['no operator', withQuality('metric: nullValues'), 'c.yaml:12:13: schema[0].properties[0].quality[0]: expected one operator of mustBe, mustNotBe, mustBeGreaterThan, mustBeGreaterOrEqualTo, mustBeLessThan, mustBeLessOrEqualTo, mustBeBetween, mustNotBeBetween; found none'],
    ['two operators', withQuality('metric: nullValues\nmustBe: 0\nmustBeLessThan: 1'), 'c.yaml:14:29: schema[0].properties[0].quality[0].mustBeLessThan: expected one operator, found mustBe and mustBeLessThan; write a rule for each'],
    ['an interval upside down', withQuality('metric: nullValues\nmustBeBetween: [2, 1]'), 'c.yaml:13:28: schema[0].properties[0].quality[0].mustBeBetween: expected the smaller number first, found [2, 1]'],
    ['a metric that the library lacks', withQuality('metric: freshness\nmustBe: 0'), 'c.yaml:12:21: schema[0].properties[0].quality[0].metric: expected one of nullValues, missingValues, invalidValues, duplicateValues, rowCount; found "freshness"'],
    ['a metric at the wrong level', withQuality('metric: rowCount\nmustBe: 0'), 'c.yaml:12:21: schema[0].properties[0].quality[0].metric: rowCount belongs to the quality of a schema object, not of a property'],
    ['invalidValues of nothing', withQuality('metric: invalidValues\nmustBe: 0'), 'c.yaml:12:13: schema[0].properties[0].quality[0].arguments: expected validValues or pattern'],
    ['a mixture of values', withQuality('metric: invalidValues\narguments: { validValues: [a, 1] }\nmustBe: 0'), 'c.yaml:13:39: schema[0].properties[0].quality[0].arguments.validValues: expected values of one type, found "a", 1'],
    ['a percentage of rowCount', withTable('quality: [{ metric: rowCount, mustBe: 1, unit: percent }]'), 'c.yaml:9:52: schema[0].quality[0].unit: rowCount is counted in rows, found "percent"'],
    ['duplicates of an unknown column', withTable('quality: [{ metric: duplicateValues, mustBe: 0, arguments: { properties: [d] } }]'), 'c.yaml:9:78: schema[0].quality[0].arguments.properties: names no property of t: d'],
    ['a query without its text', withQuality('type: sql\nmustBe: 1'), 'c.yaml:12:13: schema[0].properties[0].quality[0].query: is required here and missing'],
    ['a service level of an unknown column', `${HEAD}schema: [{ name: t }]\nslaProperties: [{ property: latency, value: 1, element: t.at }]`, 'c.yaml:7:57: slaProperties[0].element: t has no property "at"'],
    ['a service level in months', `${HEAD}schema: [{ name: t, properties: [{ name: at }] }]\nslaProperties: [{ property: latency, value: 1, unit: m, element: at }]`, 'c.yaml:7:54: slaProperties[0].unit: expected one of s, min, h, d, w, y; found "m"'],
    ['a check that the engine lacks', withQuality('type: custom\nengine: millrace\nimplementation: { check: magic }'), 'c.yaml:14:38: schema[0].properties[0].quality[0].implementation.check: expected one of rows, otherColumns, statistic, forbiddenValues; found "magic"'],
    ['a statistic without a bound', withQuality('type: custom\nengine: millrace\nimplementation: { check: statistic, statistic: mean }'), 'c.yaml:14:29: schema[0].properties[0].quality[0].implementation: expected one operator of mustBe, mustNotBe, mustBeGreaterThan, mustBeGreaterOrEqualTo, mustBeLessThan, mustBeLessOrEqualTo, mustBeBetween, mustNotBeBetween; found none'],
    ['a list instead of a contract', '[]', 'c.yaml:1:1: expected a data contract (a mapping), found something else'],
    ['an empty file', '', 'c.yaml:1:1: expected a data contract (a mapping), found nothing'],
  ]
  for (const [what, text, expected] of cases) {
    it(`names ${what}, with file, line and key`, () => {
      assert.deepEqual(errors(text).filter((error) => error === expected), [expected], errors(text).join('\n'))
    })
  }

  it('that is no YAML says where', () => {
    assert.match(errors('a: [1\nb: 2')[0] ?? '', /^c\.yaml:2:1: is not YAML: /)
  })

  it('reports all that is wrong at once, in the order of the file', () => {
    assert.equal(errors(withColumn('logicalType: int\nrequired: 1\nnonsense: 1')).length, 3)
  })
})

describe('what is not checked', () => {
  const cases: readonly [string, string, RegExp][] = [
    ['a rule of another engine', withQuality('type: custom\nengine: soda\nimplementation: x'), /engine: is not checked: it is a rule of soda/],
    ['nested properties', withColumn('logicalType: object\nproperties: []'), /properties: is not checked: nested data/],
    ['a contract without a schema', HEAD, /schema: is missing: without it there is nothing to check/],
    ['relationships', withColumn('relationships: []'), /relationships: is not checked/],
    ['a service level about people', `${HEAD}schema: []\nslaProperties: [{ property: availability, value: 99 }]`, /property: is not checked: "availability"/],
    ['a format that is unknown', withColumn('logicalType: string\nlogicalTypeOptions: { format: password }'), /format: is not checked: "password"/],
    ['a foreign physical type', withColumn('physicalType: NVARCHAR2'), /physicalType: is not checked: "NVARCHAR2"/],
    ['the deprecated name of metric', withQuality('rule: nullValues\nmustBe: 0'), /rule: is deprecated/],
  ]
  for (const [what, text, expected] of cases) {
    it(`draws a warning: ${what}`, () => {
      assert.deepEqual(errors(text), [])
      assert.match(warnings(text).join('\n'), expected)
    })
  }
})

describe('any text at all', () => {
  it('is read or refused, never thrown over', () => {
    const piece = fc.constantFrom('apiVersion: v3.1.0', 'schema:', '  - name: t', '    properties:', '      - name: c', 'quality: [{metric: nullValues}]', '&a', '*a', '- ', ': ', '{', '}', '"', '\n', '  ', 'null', '1e999', '!!binary x')
    fc.assert(fc.property(fc.oneof(fc.string(), fc.array(piece).map((pieces) => pieces.join('\n'))), (text) => void readContract(text, 'c.yaml')))
  })

  it('of the right shape with wrong values is refused with a place for every problem', () => {
    const value = fc.oneof(fc.constant(null), fc.string(), fc.double(), fc.boolean(), fc.array(fc.string(), { maxLength: 2 }), fc.dictionary(fc.string(), fc.string(), { maxKeys: 2 }))
    const rule = fc.record({ type: value, metric: value, mustBe: value, mustBeBetween: value, unit: value, arguments: value, engine: value, implementation: value, query: value }, { requiredKeys: [] })
    const column = fc.record({ name: value, logicalType: value, physicalType: value, logicalTypeOptions: value, required: value, primaryKey: value, primaryKeyPosition: value, quality: fc.oneof(value, fc.array(rule, { maxLength: 2 })) }, { requiredKeys: [] })
    fc.assert(
      fc.property(fc.array(column, { maxLength: 3 }), (properties) => {
        const { problems } = readContract(JSON.stringify({ apiVersion: 'v3.1.0', kind: 'DataContract', id: 'x', version: '1', status: 's', schema: [{ name: 't', properties }] }), 'c.yaml')
        for (const problem of problems) assert.ok(problem.line >= 1 && problem.column >= 1 && problem.message.length > 0)
      }),
    )
  })
})
