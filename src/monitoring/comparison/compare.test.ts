import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { Exposure } from '../../api/rollouts.ts'
import type { ScoredRecord } from '../../api/serving.ts'
import { type Database, openDatabase } from '../../platform/db/index.ts'
import { storeRecords } from '../inference/store.ts'
import { storeLabels } from '../performance/labels.ts'
import { type MonitorSchema, migrations } from '../tables.ts'
import { compare } from './compare.ts'

const QUERY = { model: 'delay', rollout: 'r', champion: '1', candidate: '2', alpha: 0.05 }
let db: Database<MonitorSchema>
let offset: number

beforeEach(async () => {
  db = await openDatabase<MonitorSchema>({ url: 'sqlite::memory:', schema: 'monitor', migrations })
  offset = 0
})
afterEach(() => db.close())

function line(id: string, version: string, score: number, exposure: Exposure, role: ScoredRecord['role'] = 'champion'): ScoredRecord {
  return { id, row: 0, model: 'delay', version, alias: version === '1' ? 'champion' : 'challenger', role, time: 0, score, exposure, ...(role === 'champion' ? { features: {} } : {}) }
}

async function journal(records: readonly ScoredRecord[]): Promise<void> {
  const to = offset + 100_000
  assert.ok(await db.transaction((trx) => storeRecords(trx, records, offset, to)))
  offset = to
}

const label = (labels: readonly [string, number][]) => db.transaction((trx) => storeLabels(trx, labels.map(([request_id, truth]) => ({ request_id, label: truth })), new Date(0)))
const arm = (name: Exposure['arm'], by: Exposure['by'] = 'weight', rollout = 'r'): Exposure => ({ rollout, arm: name, by })
const ids = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}${i}`)

describe('comparing the versions of a rollout', () => {
  test('without labels says that anything is possible', async () => {
    await journal([line('a', '1', 0.5, arm('champion'))])
    for (const design of ['paired', 'unpaired'] as const) {
      const { rows, gain, lower, upper } = await compare(db.kysely, { ...QUERY, design })
      assert.deepEqual({ rows, gain, unknown: lower < -3 && upper > 3 }, { rows: { champion: 0, candidate: 0 }, gain: null, unknown: true })
    }
  })

  test('by pairs takes the rows that a hash gave to the champion and that both predicted', async () => {
    const rows = ids('p', 12_000)
    await journal(rows.flatMap((id) => [line(id, '1', 0.5, arm('champion')), line(id, '2', 0.9, arm('champion'), 'shadow')]))
    await journal([line('forced', '1', 0.01, arm('champion', 'header')), line('forced', '2', 0.99, arm('champion', 'header'), 'shadow')])
    await journal([line('other', '1', 0.01, arm('champion', 'weight', 'before')), line('other', '2', 0.99, arm('champion', 'weight', 'before'), 'shadow'), line('alone', '1', 0.5, arm('champion'))])
    await label([...rows, 'forced', 'other', 'alone'].map((id) => [id, 1]))
    const { rows: counted, gain, lower, upper } = await compare(db.kysely, { ...QUERY, design: 'paired' })
    assert.deepEqual(counted, { champion: 12_000, candidate: 12_000 })
    assert.ok(Math.abs((gain ?? 0) - Math.log(0.9 / 0.5)) < 1e-9)
    assert.ok(lower > 0.5 && upper < 0.7)
  })

  test('unpaired takes each version on the rows that it answered', async () => {
    const [a, b] = [ids('a', 3000), ids('b', 1000)]
    await journal([...a.map((id) => line(id, '1', 0.5, arm('champion'))), ...b.map((id) => line(id, '2', 0.02, arm('candidate')))])
    await journal([line('missing', '1', 0.99, arm('candidate'))])
    await label([...a, ...b, 'missing'].map((id) => [id, 1]))
    const { rows, gain, upper } = await compare(db.kysely, { ...QUERY, design: 'unpaired' })
    assert.deepEqual(rows, { champion: 3000, candidate: 1000 })
    assert.ok(gain !== null && gain < -3 && upper < 0)
  })
})
