import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import type { Comparison, Exposure } from '../../api/rollouts.ts'
import type { ScoredRecord } from '../../api/serving.ts'
import { boundedLogLoss } from '../../domain/sequential/index.ts'
import type { Database } from '../../platform/db/index.ts'
import { storeRecords } from '../inference/store.ts'
import { storeLabels } from '../performance/labels.ts'
import type { MonitorSchema } from '../tables.ts'
import { compare } from './compare.ts'
import { addAllTerms } from './sums.ts'

const QUERY = { model: 'delay', rollout: 'r', champion: '1', candidate: '2', alpha: 0.05 }

function line(id: string, version: string, score: number, exposure: Exposure, role: ScoredRecord['role'] = 'champion'): ScoredRecord {
  return { id, row: 0, model: 'delay', version, alias: version === '1' ? 'champion' : 'challenger', role, time: 0, score, exposure, ...(role === 'champion' ? { features: {} } : {}) }
}

const arm = (name: Exposure['arm'], by: Exposure['by'] = 'weight', rollout = 'r'): Exposure => ({ rollout, arm: name, by })
const ids = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}${i}`)

/** What comparisons promise, on any database: `open` gives a fresh, empty one, and is called once for each of `runs`. */
export function comparisonContract(open: () => Promise<Database<MonitorSchema>>, runs: number): void {
  let db: Database<MonitorSchema>
  let offset: number

  beforeEach(async () => {
    db = await open()
    offset = 0
  })
  afterEach(() => db.close())

  async function journal(records: readonly ScoredRecord[]): Promise<void> {
    const to = offset + 100_000
    assert.ok(await db.transaction((trx) => storeRecords(trx, records, offset, to)))
    offset = to
  }

  const label = (labels: readonly [string, number][]) => db.transaction((trx) => storeLabels(trx, labels.map(([request_id, truth]) => ({ request_id, label: truth })), new Date(0)))

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

  describe('the sums that are kept', () => {
    type Step = { readonly records: readonly ScoredRecord[] } | { readonly labels: readonly [string, number][] }

    /** Rows and mean gain from all that was ever taken over, without any sum: what `compare` must say, too. */
    function whole(steps: readonly Step[], design: Comparison['design']): Pick<Comparison, 'rows' | 'gain'> {
      const records = steps.flatMap((step) => ('records' in step ? step.records : []))
      const truths = new Map(steps.flatMap((step) => ('labels' in step ? step.labels : [])))
      const losses = { champion: [] as number[], candidate: [] as number[] }
      for (const id of new Set(records.map((record) => record.id))) {
        const truth = truths.get(id)
        const ofRequest = records.filter((record) => record.id === id)
        // Of what one alias and version say of a row, the first is kept.
        const kept = ofRequest.filter((record, i) => ofRequest.findIndex(({ alias, version }) => alias === record.alias && version === record.version) === i)
        const exposure = ofRequest.find(({ role }) => role === 'champion')?.exposure
        if (truth === undefined || exposure?.by !== 'weight' || exposure.rollout !== QUERY.rollout) continue
        const loss = (role: ScoredRecord['role'], version: string) => {
          const found = kept.find((record) => record.role === role && record.version === version)
          return found && boundedLogLoss(found.score, truth)
        }
        if (design === 'unpaired') {
          const value = loss('champion', QUERY[exposure.arm])
          if (value !== undefined) losses[exposure.arm].push(value)
          continue
        }
        const [answered, shadow] = [loss('champion', QUERY.champion), loss('shadow', QUERY.candidate)]
        if (exposure.arm !== 'champion' || answered === undefined || shadow === undefined) continue
        losses.champion.push(answered)
        losses.candidate.push(shadow)
      }
      const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
      const rows = { champion: losses.champion.length, candidate: losses.candidate.length }
      return { rows, gain: rows.champion > 0 && rows.candidate > 0 ? mean(losses.champion) - mean(losses.candidate) : null }
    }

    async function assertSame(database: Database<MonitorSchema>, steps: readonly Step[]): Promise<void> {
      for (const design of ['paired', 'unpaired'] as const) {
        const expected = whole(steps, design)
        const { rows, gain } = await compare(database.kysely, { ...QUERY, design })
        assert.deepEqual(rows, expected.rows)
        assert.ok(gain === expected.gain || Math.abs((gain ?? NaN) - (expected.gain ?? NaN)) < 1e-9, `${gain} ${expected.gain}`)
      }
    }

    const id = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    const exposure = (name: string): Exposure => arm(name < 'c' ? 'champion' : 'candidate', name === 'b' ? 'header' : 'weight', name === 'e' ? 'before' : 'r')
    const scored = (name: string, version: string, role: ScoredRecord['role'], alias: string): ScoredRecord => {
      const { exposure: _, ...shadow } = { ...line(name, version, (name.charCodeAt(0) - 96 + alias.length + Number(version)) / 40, exposure(name), role), alias }
      return role === 'champion' ? { ...shadow, exposure: exposure(name) } : shadow
    }
    const record = fc.tuple(id, fc.constantFrom('1', '2', '3'), fc.constantFrom<ScoredRecord['role']>('champion', 'shadow'), fc.constantFrom('champion', 'challenger', 'frozen')).map((parts) => scored(...parts))
    const step: fc.Arbitrary<Step> = fc.oneof(
      { weight: 3, arbitrary: fc.record({ records: fc.uniqueArray(record, { minLength: 1, maxLength: 6, selector: ({ id: name, version, role, alias }) => `${name}${version}${role}${alias}` }) }) },
      { weight: 2, arbitrary: fc.record({ labels: fc.uniqueArray(id, { minLength: 1, maxLength: 3 }).map((names) => names.map((name): [string, number] => [name, name.charCodeAt(0) % 2])) }) },
    )

    test('say what all rows say, in whatever order answers, shadows and labels come, and however often; and so do those made later', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 10 }), async (steps) => {
          const database = await open()
          let at = 0
          for (const one of steps) {
            await database.transaction(async (trx) => {
              if ('labels' in one) await storeLabels(trx, one.labels.map(([request_id, truth]) => ({ request_id, label: truth })), new Date(0))
              else assert.ok(await storeRecords(trx, one.records, at, at + 100))
            })
            if ('records' in one) at += 100
          }
          await assertSame(database, steps)
          await database.kysely.deleteFrom('comparison_sums').execute()
          await addAllTerms(database.kysely)
          await assertSame(database, steps)
          await database.close()
        }),
        { numRuns: runs },
      )
    })
  })
}
