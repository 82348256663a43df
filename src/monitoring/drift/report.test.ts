import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Performance, Report } from '../../api/monitor.ts'
import type { MonitorConfig } from '../../domain/config.ts'
import { DAY_MS } from '../../domain/windows.ts'
import { driftSeries } from './reports.ts'
import { findDegradation, makeReport, reportId } from './report.ts'

const START = Date.parse('2013-04-01T00:00:00Z')
const WINDOW = { start: START, end: START + 7 * DAY_MS }
const SETTINGS: MonitorConfig['performance'] = { metric: 'log_loss', degraded_by: 0.05, min_labels: 100 }
const NOTHING = { pids: [], labels: [], answering: [], byAlias: new Map() }

const answering = (given: Partial<Performance>): Performance => ({ version: '3', alias: 'champion', rows: 500, labelled: 200, auc: 0.7, log_loss: 0.5, ece: 0.01, base_rate: 0.2, ...given })

function report(...performance: readonly Performance[]): Report {
  const drift = { columns: [], share: 0, drifted: false }
  return { report_id: 'r', model: 'm', window: { start: '', end: '' }, rows: 500, reference_version: '3', final: false, drift, performance, label_coverage: 1 }
}

const cases: readonly {
  name: string
  performance: readonly Performance[]
  holdout?: Readonly<Record<string, number>>
  settings?: Partial<MonitorConfig['performance']>
  found: readonly [value: number, reference: number] | null
}[] = [
  { name: 'worse than its holdout by more than is allowed', performance: [answering({ log_loss: 0.56 })], found: [0.56, 0.5] },
  { name: 'worse by just what is allowed', performance: [answering({ log_loss: 0.75 })], settings: { degraded_by: 0.25 }, found: null },
  { name: 'better than its holdout', performance: [answering({ log_loss: 0.3 })], found: null },
  { name: 'too few labels to judge', performance: [answering({ log_loss: 0.9, labelled: 99 })], found: null },
  { name: 'just enough labels', performance: [answering({ log_loss: 0.9, labelled: 100 })], found: [0.9, 0.5] },
  { name: 'AUC lower than its holdout: there, less is worse', performance: [answering({ auc: 0.6 })], settings: { metric: 'auc' }, found: [0.6, 0.75] },
  { name: 'AUC higher than its holdout', performance: [answering({ auc: 0.9 })], settings: { metric: 'auc' }, found: null },
  { name: 'AUC that is not defined, as all labels are alike', performance: [answering({ auc: null })], settings: { metric: 'auc' }, found: null },
  { name: 'a run that logged no such metric', performance: [answering({ log_loss: 0.9 })], holdout: { auc: 0.75 }, found: null },
  { name: 'nothing answered', performance: [], found: null },
  { name: 'a shadow that is bad beside an answer that is good', performance: [answering({}), answering({ alias: 'frozen', version: '1', log_loss: 0.9 })], found: null },
]
for (const { name, performance, holdout = { log_loss: 0.5, auc: 0.75 }, settings = {}, found } of cases) {
  test(`${found ? 'degraded' : 'not degraded'}: ${name}`, () => {
    const degradation = findDegradation(report(...performance), holdout, { ...SETTINGS, ...settings })
    assert.deepEqual(degradation && [degradation.value, degradation.reference], found)
  })
}

test('a degradation says which version, by which metric, against what', () => {
  assert.deepEqual(findDegradation(report(answering({ log_loss: 0.56 })), { log_loss: 0.5 }, SETTINGS), { metric: 'log_loss', version: '3', value: 0.56, reference: 0.5, threshold: 0.05 })
})

const ids: readonly (readonly [number, string])[] = [
  [START, 'm.2013-04-01'],
  [START + DAY_MS / 2, 'm.2013-04-01T12:00'],
]
for (const [start, id] of ids) test(`a report is named after its model and the moment its window began: ${id}`, () => assert.equal(reportId('m', { start, end: start + 1 }), id))

test('a window in which nobody asked has a report all the same', () => {
  const empty = makeReport(
    { model: 'm', window: WINDOW, current: { rows: 0, columns: new Map(), unrecorded: 0, masked: new Map(), scores: [], versions: new Map() }, answers: NOTHING, reference: null, referenceVersion: null },
    { numeric: 'wasserstein', categorical: 'jensenshannon', threshold: 0.1, share: 0.5 },
  )
  assert.deepEqual([empty.report_id, empty.rows, empty.reference_version, empty.drift.drifted, empty.performance, empty.label_coverage], ['m.2013-04-01', 0, null, false, [], 0])
  assert.deepEqual(empty.window, { start: '2013-04-01T00:00:00.000Z', end: '2013-04-08T00:00:00.000Z' })
})

test('a heat map has a row for each column ever seen, and a hole where a report does not know it', () => {
  const cell = (column: string, score: number) => ({ column, kind: 'numeric' as const, method: 'wasserstein normed', score, threshold: 0.1, drifted: score >= 0.1, missing_share: 0 })
  const of = (id: string, ...columns: readonly ReturnType<typeof cell>[]): Report => ({ ...report(), report_id: id, drift: { columns, share: 0, drifted: false } })
  const { windows, columns } = driftSeries('m', [of('one', cell('a', 0.05)), of('two', cell('b', 0.2), cell('a', 0.3))])
  assert.deepEqual(windows.map((window) => window.report_id), ['one', 'two'])
  assert.deepEqual(columns.map(({ column, cells }) => [column, cells.map((one) => one && [one.score, one.drifted])]), [
    ['a', [[0.05, false], [0.3, true]]],
    ['b', [null, [0.2, true]]],
  ])
})
