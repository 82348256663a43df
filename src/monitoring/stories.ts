import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ScoredRecord } from '../api/serving.ts'
import { createTransport } from '../../sdk/http.ts'
import { DAY_MS } from '../domain/windows.ts'
import { journalStories } from './inference/stories.ts'
import { GOOD, MODEL, START, duckdb, scenarios } from './testing.ts'

/** What the monitor does for its users, as scenarios over scripted neighbours. `makeDatabase` gives what `storage.database` is set to, new each time. */
export function monitorStories(makeDatabase: () => string): void {
  const scenario = scenarios(makeDatabase)
  journalStories(makeDatabase)

  scenario('the first version passes the gate and answers at once; asked again it is the same candidate', async (world) => {
    const first = await world.client.submitCandidate(MODEL, '1')
    await world.settle()
    const [candidate, ...others] = await world.client.candidates(MODEL)
    assert.deepEqual([candidate?.state, candidate?.candidate_id, others.length], ['promoted', first.candidate_id, 0])
    assert.deepEqual([...world.peers.aliases], [['frozen', '1'], ['champion', '1']])
    assert.equal((await world.client.submitCandidate(MODEL, '1')).candidate_id, first.candidate_id)
    const [decided] = await world.events('gate.decided')
    assert.deepEqual(decided && 'gate' in decided && [decided.gate, decided.passed, decided.version], ['candidate', true, '1'])
  })

  scenario('a version that is no better than the base rate is refused in words, and no alias moves', async (world) => {
    await world.version('7', { ...GOOD, log_loss: 0.7 })
    await world.client.submitCandidate(MODEL, '7')
    await world.settle()
    const [candidate] = await world.client.candidates()
    assert.equal(candidate?.state, 'refused')
    assert.deepEqual(candidate?.gates[0]?.checks.filter((check) => !check.passed).map((check) => check.rule), ['log_loss <= 0.615 (base rate 0.62 less 0.005)'])
    assert.deepEqual(world.peers.moves, [])
    await assert.rejects(world.client.submitCandidate(MODEL, '99'), { status: 404 })
    await assert.rejects(world.client.submitCandidate('other', '1'), { status: 404 })
  })

  scenario('a week gets its report when it has ended: no drift in traffic like training, drift where the hours have moved', async (world) => {
    await world.traffic(START, 7, 48, { frozen: { version: '1', score: () => 0.3 } })
    await world.moveTo(START + 7 * DAY_MS)
    await world.settle()
    const [report] = await world.client.reports(MODEL)
    assert.ok(report)
    assert.deepEqual([report.report_id, report.rows, report.reference_version, report.drift.share, report.label_coverage], [`${MODEL}.2013-04-01`, 336, '1', 0, 1])
    assert.deepEqual(report.drift.columns.map(({ column, kind, method, missing_share }) => ({ column, kind, method, missing_share })), [
      { column: 'hour', kind: 'numeric', method: 'wasserstein normed', missing_share: 0 },
      { column: 'carrier', kind: 'categorical', method: 'jensenshannon (categories)', missing_share: 0 },
      { column: 'prediction', kind: 'prediction', method: 'wasserstein normed', missing_share: 0 },
    ])
    assert.deepEqual(report.performance.map(({ alias, version, rows, labelled, auc }) => [alias, version, rows, labelled, auc !== null && auc > 0.4 && auc < 0.6]), [
      ['champion', '1', 336, 336, true],
      ['frozen', '1', 336, 336, true],
    ])
    assert.deepEqual(await world.events('drift.detected'), [])

    await world.traffic(START + 7 * DAY_MS, 7, 48, {}, () => 23)
    await world.moveTo(START + 14 * DAY_MS)
    await world.settle()
    const [drifted] = await world.events('drift.detected')
    assert.ok(drifted && 'drifted' in drifted)
    assert.deepEqual([drifted.share, drifted.drifted.map(({ column }) => column)], [0.5, ['hour']])
    const heat = await world.client.drift(MODEL)
    assert.deepEqual([heat.windows.map((window) => window.drifted), heat.columns[0]?.column, heat.columns[0]?.cells.map((cell) => cell?.drifted)], [[false, true], 'hour', [false, true]])
    const metrics = await (await createTransport(world.url).raw('GET', '/metrics')).text()
    assert.match(metrics, /millrace_drift_score\{model="flight-delay",column="hour",method="wasserstein normed",service="monitor"\} \d/)
    assert.match(metrics, /millrace_performance\{model="flight-delay",alias="champion",metric="auc",service="monitor"\} 0\.\d+/)
  })

  scenario('labels that arrive late change a past window until it is final, and a degraded one is told once', async (world) => {
    const requests = Array.from({ length: 60 }, (_, i): ScoredRecord => ({ id: `r${i}`, row: 0, model: MODEL, version: '1', alias: 'champion', role: 'champion', time: START + i * 1000, score: 0.01, features: {} }))
    world.peers.journal(requests)
    await world.moveTo(START + 7 * DAY_MS)
    await world.settle()
    assert.equal((await world.client.reports(MODEL))[0]?.label_coverage, 0)
    const late = (from: number, to: number) => requests.slice(from, to).map(({ id }) => ({ request_id: id, label: 1, time: '2013-04-09T00:00:00Z' }))
    await world.client.sendLabels(late(0, 30))
    await world.moveTo(START + 14 * DAY_MS)
    await world.settle()
    const [report] = await world.client.reports(MODEL)
    assert.deepEqual([report?.label_coverage, report?.final, report?.performance[0]?.auc], [0.5, false, null])
    const degraded = await world.events('performance.degraded')
    assert.equal(degraded.length, 1)
    await world.moveTo(START + 21 * DAY_MS)
    await world.settle()
    await world.client.sendLabels(late(30, 60))
    await world.moveTo(START + 28 * DAY_MS)
    await world.settle()
    const [final] = await world.client.reports(MODEL)
    assert.deepEqual([final?.label_coverage, final?.final, (await world.events('performance.degraded')).length], [0.5, true, 1])
    const { points } = await world.client.performance(MODEL, 'month')
    assert.deepEqual(points.map(({ start, rows }) => [start, rows]), [['2013-04-01T00:00:00.000Z', 60]])
  })

  for (const kill of [false, true]) {
    scenario(`a month later a candidate is made, shadowed for a week and promoted by its gain${kill ? ', though the monitor is started anew at every step' : ''}`, async (world) => {
      const pause = async (): Promise<void> => (kill ? world.restart() : undefined)
      await world.client.submitCandidate(MODEL, '1')
      await world.settle()
      await pause()
      const may = Date.parse('2013-05-01T00:00:00Z')
      await world.moveTo(may)
      await world.waitsFor(/^execution e1 \(schedule\)/)
      await pause()
      assert.deepEqual([...world.peers.executions.keys()], [`${MODEL}:schedule:2013-05-01`])
      await world.version('2')
      world.peers.executions.set(`${MODEL}:schedule:2013-05-01`, { ...[...world.peers.executions.values()][0]!, state: 'finished', version: '2', run_id: 'run-2' })
      await world.settle()
      assert.equal(world.peers.aliases.get('challenger'), '2')
      await pause()
      await world.traffic(may, 7, 40, { challenger: { version: '2', score: (label) => (label === 1 ? 0.6 : 0.2) } })
      await world.moveTo(may + 7 * DAY_MS)
      await world.settle()
      assert.equal(world.peers.aliases.get('champion'), '1')
      await pause()
      await world.moveTo(may + 8 * DAY_MS)
      await world.settle()
      await pause()
      await world.settle()
      const [candidate] = await world.client.candidates(MODEL)
      assert.deepEqual([candidate?.state, candidate?.decided_at, candidate?.gates.map(({ gate, passed }) => [gate, passed])], ['promoted', '2013-05-09T00:00:00.000Z', [['candidate', true], ['promotion', true]]])
      assert.deepEqual(world.peers.moves.map(({ alias, version }) => [alias, version]), [['frozen', '1'], ['champion', '1'], ['challenger', '2'], ['champion', '2'], ['challenger', null]])
      assert.match(world.peers.moves[3]?.reason ?? '', /^promoted: .*90 % lower bound of the paired log-loss gain > -0.002 \(mean 0\.\d+, standard error 0\.\d+, 280 pairs\)$/)
      assert.deepEqual([(await world.events('gate.decided')).length, (await world.events('retraining.requested')).length, world.peers.executions.size], [3, 1, 1])
    })
  }

  scenario('a challenger that does worse on the same requests is refused, and the champion stays', async (world) => {
    await world.client.submitCandidate(MODEL, '1')
    await world.settle()
    await world.version('2')
    await world.client.submitCandidate(MODEL, '2')
    await world.settle()
    await world.traffic(START, 7, 40, { challenger: { version: '2', score: (label) => (label === 1 ? 0.1 : 0.9) } })
    await world.moveTo(START + 8 * DAY_MS)
    await world.settle()
    const [candidate] = await world.client.candidates(MODEL)
    assert.deepEqual([candidate?.state, world.peers.aliases.get('champion'), world.peers.aliases.has('challenger')], ['refused', '1', false])
  })

  scenario('a champion that was moved by hand in the meantime is left where it is', async (world) => {
    await world.client.submitCandidate(MODEL, '1')
    await world.settle()
    await world.version('2')
    await world.client.submitCandidate(MODEL, '2')
    await world.settle()
    await world.traffic(START, 7, 40, { challenger: { version: '2', score: (label) => (label === 1 ? 0.8 : 0.1) } })
    world.peers.broken.add('POST /api/2.0/mlflow/registered-models/alias')
    await world.moveTo(START + 8 * DAY_MS)
    await world.waitsFor(/the promotion of flight-delay version 2/)
    for (let i = 0; i < 500 && (await world.client.candidates(MODEL))[0]?.gates.length !== 2; i++) await sleep(10)
    world.peers.aliases.set('champion', '9')
    world.peers.broken.clear()
    await world.settle()
    const [candidate] = await world.client.candidates(MODEL)
    assert.deepEqual([candidate?.state, candidate?.gates.at(-1)?.checks[0]?.name, world.peers.aliases.get('champion')], ['refused', 'champion_unchanged', '9'])
  })

  scenario('predictions of past days stand as Parquet, one file a model and day', async (world) => {
    await world.traffic(START, 2, 10, { frozen: { version: '1', score: () => 0.5 } })
    await world.moveTo(START + DAY_MS)
    await world.settle()
    const file = (date: string): string => join(world.projectFolder, '.millrace', 'monitor', 'inference', `model=${MODEL}`, `date=${date}.parquet`)
    for (let i = 0; i < 300 && !existsSync(file('2013-04-01')); i++) await sleep(10)
    assert.equal(existsSync(file('2013-04-02')), false)
    const sql = `select alias, role, count(*)::integer as rows, count("input.hour")::integer as inputs from '${file('2013-04-01')}' group by all order by all`
    const reader = await duckdb.use((connection) => connection.runAndReadAll(sql))
    assert.deepEqual(reader.getRowObjectsJS(), [
      { alias: 'champion', role: 'champion', rows: 10, inputs: 10 },
      { alias: 'frozen', role: 'shadow', rows: 10, inputs: 0 },
    ])
  })

  const refused: readonly { name: string; body: unknown; status: number; says: RegExp }[] = [
    { name: 'a label that is neither 0 nor 1', body: { labels: [{ request_id: 'a', label: 2 }] }, status: 400, says: /labels\/0\/label/ },
    { name: 'a label without a request', body: { labels: [{ label: 1 }] }, status: 400, says: /request_id/ },
    { name: 'a time that is none', body: { labels: [{ request_id: 'a', label: 1, time: 'yesterday' }] }, status: 400, says: /labels\/0\/time/ },
    { name: 'a key that is not known', body: { labels: [{ request_id: 'a', label: 1, lable: 1 }] }, status: 400, says: /lable|additional/i },
    { name: 'too many labels', body: { labels: Array.from({ length: 10_001 }, (_, i) => ({ request_id: `r${i}`, label: 1 })) }, status: 400, says: /labels/ },
    { name: 'two labels that contradict each other', body: { labels: [{ request_id: 'a', label: 1 }, { request_id: 'a', label: 0 }] }, status: 409, says: /request a, row 0: the label is 1 already; found 0/ },
  ]
  scenario('labels are refused precisely, and then none of them is kept', async (world) => {
    for (const { name, body, status, says } of refused) {
      await assert.rejects(createTransport(world.url).json('POST', '/labels', { body }), (error: { status: number; message: string }) => {
        assert.equal(error.status, status, name)
        assert.match(error.message, says, name)
        return true
      })
    }
    assert.deepEqual(await world.client.pendingLabels(), { count: 0, labels: [] })
    assert.deepEqual(await world.client.sendLabels([{ request_id: 'unknown', label: 1, time: '2013-04-01T10:00:00Z' }]), { accepted: 1, duplicates: 0, pending: 1 })
    assert.deepEqual(await world.client.pendingLabels(), { count: 1, labels: [{ request_id: 'unknown', row: 0, label: 1, time: '2013-04-01T10:00:00.000Z' }] })
  })
}
