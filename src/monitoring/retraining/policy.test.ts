import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type RetrainingConfig, projectConfigSchema } from '../../domain/config.ts'
import { DAY_MS } from '../../domain/windows.ts'
import { wallClock } from '../../platform/clock/index.ts'
import { parseConfig } from '../../platform/config/index.ts'
import { type Database, openDatabase } from '../../platform/db/index.ts'
import { Outbox } from '../../platform/events/outbox.ts'
import { References } from '../drift/references.ts'
import { Reports } from '../drift/reports.ts'
import { DuckDB } from '../duckdb.ts'
import { type MonitorSchema, migrations } from '../tables.ts'
import { addCandidate, openCandidates, updateCandidate } from './candidates.ts'
import { Policy } from './policy.ts'
import { MemoryRegistry } from './testing.ts'

const NOW = Date.parse('2013-06-10T00:00:00Z')
const daysAgo = (days: number): number => NOW - days * DAY_MS

/** The policy as millrace.yaml would give it. */
function policyOf(yaml: string): RetrainingConfig {
  const [policy] = parseConfig(projectConfigSchema, `project: test\nretraining:\n  - {model: m${yaml === '' ? '' : `, ${yaml}`}}\n`, 'millrace.yaml', {}).retraining
  assert.ok(policy)
  return policy
}

interface World {
  readonly db: Database<MonitorSchema>
  readonly policy: Policy
  readonly pass: (retraining: RetrainingConfig, moment?: number) => Promise<void>
}

/** `processed`: the last moment that was dealt with. Its windows were written before: only the decision is looked at here. */
async function world(options: { readonly lastTraining: number | null; readonly processed?: number; readonly champion?: string | null }): Promise<World> {
  const db = await openDatabase<MonitorSchema>({ url: 'sqlite::memory:', schema: 'monitor', migrations })
  await db.kysely.insertInto('policies').values({ model: 'm', processed_until: options.processed ?? daysAgo(1), last_training: options.lastTraining }).execute()
  const policy = new Policy({ db, reports: reportsOf(db), champion: async () => (options.champion === undefined ? '1' : options.champion), caughtUp: async () => undefined })
  return { db, policy, pass: (retraining, moment = NOW) => policy.pass({ model: 'm', monitor: undefined, retraining }, moment) }
}

async function report(db: Database<MonitorSchema>, id: string, found: { readonly drifted?: number; readonly degraded?: number }, model = 'm'): Promise<void> {
  const window = { window_start: NOW - Number(id) * DAY_MS, window_end: NOW }
  await db.kysely
    .insertInto('reports')
    .values({ report_id: `${model}.${id}`, model, ...window, final: 0, drifted_at: found.drifted ?? 0, degraded_at: found.degraded ?? 0, reference_version: '1', report: '{}' })
    .execute()
}

const cases: readonly {
  name: string
  yaml?: string
  lastTraining: number | null
  champion?: string | null
  drifted?: number
  degraded?: number
  open?: boolean
  decides: string | null
}[] = [
  { name: 'nothing found and nothing due', lastTraining: daysAgo(100), decides: null },
  { name: 'drift, found now', lastTraining: daysAgo(100), drifted: NOW, decides: 'drift' },
  { name: 'worse answers, found now', lastTraining: daysAgo(100), degraded: NOW, decides: 'degraded' },
  { name: 'both: the worse answers are the reason', lastTraining: daysAgo(100), drifted: NOW, degraded: NOW, decides: 'degraded' },
  { name: 'drift that was found before this moment was dealt with then', lastTraining: daysAgo(100), drifted: daysAgo(1), decides: null },
  { name: 'drift that a later moment will find', lastTraining: daysAgo(100), drifted: NOW + 1, decides: null },
  { name: 'drift, one day before the cool-down ends', lastTraining: daysAgo(20), drifted: NOW, decides: null },
  { name: 'drift, on the day the cool-down ends', lastTraining: daysAgo(21), drifted: NOW, decides: 'drift' },
  { name: 'drift, with a shorter cool-down', yaml: 'cooldown: 3d', lastTraining: daysAgo(4), drifted: NOW, decides: 'drift' },
  { name: 'drift, where only worse answers count', yaml: 'on: [degraded]', lastTraining: daysAgo(100), drifted: NOW, decides: null },
  { name: 'worse answers, where only drift counts', yaml: 'on: [drift]', lastTraining: daysAgo(100), degraded: NOW, decides: null },
  { name: 'drift beside worse answers, where only drift counts', yaml: 'on: [drift]', lastTraining: daysAgo(100), drifted: NOW, degraded: NOW, decides: 'drift' },
  { name: 'the interval has passed to the day', yaml: 'at_least_every: 30d', lastTraining: daysAgo(30), decides: 'schedule' },
  { name: 'the interval has passed but for a day', yaml: 'at_least_every: 30d', lastTraining: daysAgo(29), decides: null },
  { name: 'monthly, and trained this month', yaml: 'at_least_every: monthly', lastTraining: Date.parse('2013-06-01T00:00:00Z'), decides: null },
  { name: 'monthly, and trained on the last day of the month before', yaml: 'at_least_every: monthly', lastTraining: Date.parse('2013-05-31T00:00:00Z'), decides: 'schedule' },
  { name: 'weekly, and trained on the Sunday before this Monday', yaml: 'at_least_every: weekly', lastTraining: daysAgo(1), decides: 'schedule' },
  { name: 'the schedule knows no cool-down', yaml: 'at_least_every: 2d, cooldown: 21d', lastTraining: daysAgo(2), decides: 'schedule' },
  { name: 'drift on a day when the schedule is due: drift is the reason', yaml: 'at_least_every: 30d', lastTraining: daysAgo(40), drifted: NOW, decides: 'drift' },
  { name: 'another candidate is still under way', lastTraining: daysAgo(100), drifted: NOW, open: true, decides: null },
  { name: 'no version answers', lastTraining: daysAgo(100), drifted: NOW, champion: null, decides: null },
]
for (const { name, yaml = '', lastTraining, champion, drifted, degraded, open = false, decides } of cases) {
  test(`${decides === null ? 'no retraining' : `retraining (${decides})`}: ${name}`, async () => {
    const { db, pass } = await world({ lastTraining, ...(champion === undefined ? {} : { champion }) })
    await report(db, '7', { ...(drifted === undefined ? {} : { drifted }), ...(degraded === undefined ? {} : { degraded }) })
    if (open) await addCandidate(db.kysely, { id: 'other', model: 'm', version: '2', reason: 'submitted', state: 'shadowing', requestedAt: daysAgo(2) })
    await pass(policyOf(yaml))
    const made = (await openCandidates(db.kysely, 'm')).filter(({ id }) => id !== 'other')
    assert.deepEqual(made.map(({ id, reason, state, requestedAt }) => [id, reason, state, requestedAt]), decides === null ? [] : [[`m:${decides}:2013-06-10`, decides, 'executing', NOW]])
    const { processed_until, last_training } = await db.kysely.selectFrom('policies').selectAll().executeTakeFirstOrThrow()
    assert.deepEqual([processed_until, last_training], [NOW, decides === null ? lastTraining : NOW])
    await db.close()
  })
}

test('a model that answered before the monitor began counts as trained when it was first seen; before that nothing is due', async () => {
  const { db, policy } = await world({ lastTraining: null, champion: null })
  const trained = async () => (await db.kysely.selectFrom('policies').select('last_training').executeTakeFirstOrThrow()).last_training
  const watched = { model: 'm', monitor: undefined, retraining: policyOf('at_least_every: 2d') }
  await policy.pass(watched, NOW)
  assert.equal(await trained(), null)
  const seen = new Policy({ db, reports: reportsOf(db), champion: async () => '1', caughtUp: async () => undefined })
  await seen.pass(watched, NOW + DAY_MS)
  assert.deepEqual([await trained(), (await openCandidates(db.kysely)).length], [NOW + DAY_MS, 0])
  await seen.pass(watched, NOW + 3 * DAY_MS)
  assert.deepEqual((await openCandidates(db.kysely)).map(({ id }) => id), ['m:schedule:2013-06-13'])
  await db.close()
})

test('what happens to another model is no reason', async () => {
  const { db, pass } = await world({ lastTraining: daysAgo(100) })
  await report(db, '7', { drifted: NOW }, 'other')
  await addCandidate(db.kysely, { id: 'others', model: 'other', version: '2', reason: 'submitted', state: 'shadowing', requestedAt: daysAgo(2) })
  await pass(policyOf(''))
  assert.deepEqual((await openCandidates(db.kysely)).map(({ id }) => id), ['others'])
  await db.close()
})

test('repeated after a kill, a moment asks for the same candidate again and makes no second', async () => {
  const { db, pass } = await world({ lastTraining: daysAgo(100) })
  await report(db, '7', { drifted: NOW })
  await pass(policyOf(''))
  await db.kysely.updateTable('policies').set({ processed_until: daysAgo(1), last_training: daysAgo(100) }).execute()
  await updateCandidate(db.kysely, 'm:drift:2013-06-10', { state: 'refused' })
  await pass(policyOf(''))
  assert.deepEqual(await openCandidates(db.kysely), [])
  await db.close()
})

test('each end of a day and of a window is due once, in order', async () => {
  const monitor = parseConfig(projectConfigSchema, "project: test\nmonitors: [{model: m, window: 2d, origin: '2013-06-01T12:00:00Z'}]\n", 'millrace.yaml', {}).monitors[0]
  const { db, policy } = await world({ lastTraining: null, processed: NOW })
  const due = async (until: number) => (await policy.due({ model: 'm', monitor, retraining: undefined }, until)).map((moment) => new Date(moment).toISOString().slice(5, 16))
  assert.deepEqual(await due(NOW), [])
  assert.deepEqual(await due(NOW + 3 * DAY_MS), ['06-11T00:00', '06-11T12:00', '06-12T00:00', '06-13T00:00'])
  assert.deepEqual(await policy.due({ model: 'unknown', monitor, retraining: undefined }, NOW + DAY_MS), [])
  await db.close()
})

test('whatever drifts, two retrainings on findings are never closer than the cool-down, and one on schedule comes at the latest', async () => {
  const day = fc.integer({ min: 1, max: 60 })
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(day, { maxLength: 30 }), fc.integer({ min: 1, max: 15 }), fc.integer({ min: 16, max: 25 }), async (drifts, cooldown, interval) => {
      const { db, pass } = await world({ lastTraining: NOW, processed: NOW })
      for (const one of drifts) await report(db, String(one), { drifted: NOW + one * DAY_MS })
      const made: { reason: string; day: number }[] = []
      for (let at = 1; at <= 60; at++) {
        await pass(policyOf(`cooldown: ${cooldown}d, at_least_every: ${interval}d`), NOW + at * DAY_MS)
        for (const { id, reason } of await openCandidates(db.kysely)) {
          made.push({ reason, day: at })
          await updateCandidate(db.kysely, id, { state: 'promoted' })
        }
      }
      let last = 0
      for (const { reason, day: at } of made) {
        assert.ok(reason === 'schedule' ? at - last === interval : at - last >= cooldown, JSON.stringify(made))
        last = at
      }
      assert.ok(60 - last < interval)
      await db.close()
    }),
    { numRuns: 6 },
  )
})

function reportsOf(db: Database<MonitorSchema>): Reports {
  const registry = new MemoryRegistry()
  return new Reports({ db, outbox: new Outbox(db, 'monitor', wallClock), registry, references: new References(registry, new DuckDB(), 'unused') })
}
