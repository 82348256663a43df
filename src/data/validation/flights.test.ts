import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { make } from '../../../examples/flights/corrupted/make.ts'
import type { EventData } from '../../api/events.ts'
import { accepted, checkedEvent, violations, type ContractReport } from '../../domain/contract/index.ts'
import { checkContract } from './check-contract.ts'
import { reportMarkdown } from './markdown.ts'
import { renderReport } from './render.ts'
import { TestData, resultOf } from './test-data.ts'

const root = fileURLToPath(new URL('../../../examples/flights', import.meta.url))
const contract = 'contracts/flights.yaml'
const check = (data: readonly string[], asOf: string): Promise<ContractReport> => checkContract({ contract, data, root, asOf: new Date(asOf) })

describe('the flights of the example', () => {
  it('keep their contract, all 336,776 of them', async () => {
    const report = await check(['source/flights/*.parquet'], '2014-01-02T00:00:00Z')
    assert.deepEqual(violations(report).map((one) => `${one.rule}: ${one.reason}`), [])
    assert.deepEqual([report.result, report.rows, report.files.length, report.summary.passed, report.warnings], ['passed', 336_776, 12, report.checks.length, []])
  })

  for (let month = 1; month <= 12; month += 1) {
    it(`of month ${month} keep it on the day they are delivered`, async () => {
      const asOf = new Date(Date.UTC(2013, month, 1, 6)).toISOString()
      assert.equal((await check([`source/flights/2013-${String(month).padStart(2, '0')}.parquet`], asOf)).result, 'passed')
    })
  }

  it('are stale when the next month is long overdue', async () => {
    const report = await check(['source/flights/2013-0[1-3].parquet'], '2013-06-01T00:00:00Z')
    assert.deepEqual(violations(report).map((one) => one.rule), ['time_hour.latency'])
  })
})

describe('the corrupted April of the example', () => {
  let data: TestData
  let report: ContractReport
  before(async () => {
    data = await TestData.create()
    report = await check(['corrupted/2013-04.parquet'], '2013-05-01T06:00:00Z')
  })
  after(() => data.close())

  /** Counts from the file itself, by hand; of 1,201 rows. */
  const EXPECTED: Readonly<Record<string, number>> = {
    'enough_rows': 1201, 'time_hour.latency': 1201, 'flight.type': 1201, 'minute.present': 1201, 'moment_of_schedule': 1201, 'tailnum.nullValues': 139,
    'distance.exclusiveMinimum': 30, 'hour.maximum': 24, 'hour_of_schedule': 24, 'origin.invalidValues': 23, 'flights.primaryKey': 20,
    'sched_dep_time.required': 17, 'arr_delay.maximum': 14, 'carrier.invalidValues': 12, 'dest.pattern': 10, 'no_other_columns': 1201,
  }

  it('is refused for each rule that it breaks, with its count and share', () => {
    assert.equal(accepted(report), false)
    assert.deepEqual(Object.fromEntries(violations(report).map((one) => [one.rule, one.count])), EXPECTED)
    for (const one of violations(report)) assert.equal(one.share, Number((one.count / 1201).toPrecision(6)))
  })

  it('shows rows that break each rule about rows', () => {
    for (const one of violations(report).filter((each) => each.count < 1201)) assert.equal(one.failedSamples.length, 5, one.rule)
    assert.deepEqual(resultOf(report, 'distance.exclusiveMinimum').failedSamples[0], {
      file: 'corrupted/2013-04.parquet', row: 3, year: 2013, month: 4, day: 1, carrier: 'UA', flight: 'UA1072', origin: 'LGA', distance: -1416,
    })
  })

  it('has the counts that a query by hand finds', async () => {
    const [counted] = await data.rows(`
      SELECT count(*) AS n, count(*) FILTER (WHERE distance <= 0) AS distance, count(*) FILTER (WHERE origin = 'XXX') AS origin, count(*) FILTER (WHERE hour > 23) AS hour,
        count(*) FILTER (WHERE sched_dep_time IS NULL) AS sched, count(*) FILTER (WHERE carrier = 'ZZ') AS carrier, count(*) FILTER (WHERE tailnum IS NULL) AS tailnum
      FROM '${root}/corrupted/2013-04.parquet'`)
    assert.deepEqual(counted, { n: 1201n, distance: 30n, origin: 23n, hour: 24n, sched: 17n, carrier: 12n, tailnum: 139n })
  })

  it('is what its script makes', async () => {
    await make(`${data.folder}/again.parquet`)
    const [differences] = await data.rows(`
      SELECT count(*) AS n FROM (
        (FROM '${root}/corrupted/2013-04.parquet' EXCEPT ALL FROM '${data.folder}/again.parquet') UNION ALL
        (FROM '${data.folder}/again.parquet' EXCEPT ALL FROM '${root}/corrupted/2013-04.parquet'))`)
    assert.deepEqual(differences, { n: 0n })
  })

  it('among good months is found out, and named', async () => {
    const mixed = await check(['source/flights/2013-0[1-3].parquet', 'corrupted/2013-04.parquet'], '2013-05-01T06:00:00Z')
    assert.equal(mixed.rows, 80_789 + 1201)
    assert.equal(resultOf(mixed, 'distance.exclusiveMinimum').count, 30)
    assert.equal(resultOf(mixed, 'minute.present').reason, 'corrupted/2013-04.parquet has no column minute')
    assert.equal(resultOf(mixed, 'minute.maximum').result, 'passed')
  })

  it('becomes an event as it stands', () => {
    const event: EventData['dev.millrace.contract.checked'] = checkedEvent(report)
    assert.deepEqual([event.contract, event.passed, event.rows, event.checks, event.violations.length], ['flights', false, 1201, 100, 15])
    assert.deepEqual(event.violations[6], { rule: 'distance.exclusiveMinimum', count: 30, share: 0.0249792 })
  })

  it('reads well in a terminal', () => {
    const text = renderReport(report)
    assert.match(text, /^contract flights 1\.0\.0 is broken: corrupted\/2013-04\.parquet as of 2013-05-01T06:00:00\.000Z\n1,201 rows in 1 file, 100 checks: 77 passed, 1 warning, 15 failed, 7 skipped\n/)
    assert.match(text, /\nfailed {3}origin\.invalidValues {10}23 {4}1\.92 % {2}origin not one of EWR, JFK, LGA\n/)
    assert.match(text, /\n {2}origin\.invalidValues\n {4}corrupted\/2013-04\.parquet row 1: year=2013 month=4 day=1 carrier=AA flight=AA1895 origin=XXX\n/)
    assert.ok(text.split('\n').every((line) => [...line].length <= 140))
  })

  it('reads well as Markdown, where nothing of the data becomes markup', () => {
    const page = reportMarkdown({ ...report, warnings: ['a | b <script> *c*'] })
    assert.match(page, /\| failed \| origin\.invalidValues \| 23 \| 1\.92 % \| origin not one of EWR, JFK, LGA \|/)
    assert.match(page, /- a \\\| b \\<script\\> \\\*c\\\*\n/)
    assert.match(page, /## origin\.invalidValues\n\n```\ncorrupted\/2013-04\.parquet row 1: /)
  })
})
