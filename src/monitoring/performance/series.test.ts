import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS } from '../../domain/windows.ts'
import { type Database, openDatabase } from '../../platform/db/index.ts'
import { insertMany } from '../inference/bulk.ts'
import { type MonitorSchema, migrations } from '../tables.ts'
import { readAnswers } from './answers.ts'
import { PerformanceHistory } from './series.ts'

const START = Date.parse('2013-04-29T00:00:00Z')

/** A request, a day after START each; the first alias answered, the others ran along. `label` null: not known. */
interface Request {
  readonly day: number
  readonly label: number | null
  readonly scores: Readonly<Record<string, readonly [version: string, score: number]>>
  readonly labelledAt?: number
}

async function databaseOf(requests: readonly Request[]): Promise<Database<MonitorSchema>> {
  const db = await openDatabase<MonitorSchema>({ url: 'sqlite::memory:', schema: 'monitor', migrations })
  await add(db, requests, 0)
  return db
}

async function add(db: Database<MonitorSchema>, requests: readonly Request[], firstPid: number): Promise<void> {
  await db.transaction(async (trx) => {
    for (const [i, { day, label, scores, labelledAt }] of requests.entries()) {
      const pid = firstPid + i
      const aliases = Object.entries(scores)
      const time = START + day * DAY_MS + pid
      await insertMany(trx, 'requests', [{ pid, request_id: String(pid), row: 0, model: 'm', time, version: aliases[0]?.[1][0] ?? null }])
      await insertMany(trx, 'scores', aliases.map(([alias, [version, score]], at) => ({ pid, alias, version, answered: at === 0 ? 1 : 0, ordinal: 10 * pid + at, score })))
      if (label !== null) await insertMany(trx, 'truths', [{ pid, label, time: labelledAt ?? time }])
    }
  })
}

const both = (day: number, label: number, answer: number, shadow: number): Request => ({ day, label, scores: { champion: ['1', answer], frozen: ['0', shadow] } })
const alone = (day: number, label: number, answer: number): Request => ({ day, label, scores: { champion: ['1', answer] } })

async function points(db: Database<MonitorSchema>, by: 'day' | 'week' | 'month', aliases: readonly string[] = []) {
  const series = await new PerformanceHistory(db).series('m', by, aliases)
  return series.points.map(({ start, rows, by_alias }) => [start.slice(5, 10), rows, Object.keys(by_alias)])
}

test('each calendar period has its point; days without requests have none', async () => {
  const db = await databaseOf([both(0, 1, 0.9, 0.8), both(0, 0, 0.1, 0.2), both(3, 1, 0.9, 0.8)])
  assert.deepEqual(await points(db, 'day'), [['04-29', 2, ['champion', 'frozen']], ['05-02', 1, ['champion', 'frozen']]])
  assert.deepEqual(await points(db, 'week'), [['04-29', 3, ['champion', 'frozen']]])
  assert.deepEqual(await points(db, 'month'), [['04-01', 2, ['champion', 'frozen']], ['05-01', 1, ['champion', 'frozen']]])
  assert.deepEqual((await new PerformanceHistory(db).series('other', 'day')).points, [])
  await db.close()
})

test('a shadow that missed more than a twentieth of the labelled rows is left out, rather than making the comparison smaller', async () => {
  const covered = Array.from({ length: 19 }, (_, i) => both(0, i % 2, 0.5, 0.5))
  const enough = await databaseOf([...covered, alone(0, 1, 0.5)])
  assert.deepEqual(await points(enough, 'day'), [['04-29', 19, ['champion', 'frozen']]])
  const tooFew = await databaseOf([...covered.slice(1), alone(0, 1, 0.5), alone(0, 0, 0.5)])
  assert.deepEqual(await points(tooFew, 'day'), [['04-29', 20, ['champion']]])
  // Asked for by name, both are compared on what they share.
  assert.deepEqual(await points(tooFew, 'day', ['frozen', 'champion']), [['04-29', 18, ['champion', 'frozen']]])
  assert.deepEqual(await points(tooFew, 'day', ['champion', 'unknown']), [['04-29', 0, ['champion']]])
  await enough.close()
  await tooFew.close()
})

test('a point stays as it is until its days are touched, and is then computed anew', async () => {
  const db = await databaseOf([both(0, 1, 0.9, 0.8), both(5, 1, 0.9, 0.8)])
  const history = new PerformanceHistory(db)
  const rows = async () => (await history.series('m', 'day')).points.map((point) => point.rows)
  assert.deepEqual(await rows(), [1, 1])
  await add(db, [both(0, 0, 0.1, 0.2), both(5, 0, 0.1, 0.2)], 100)
  assert.deepEqual(await rows(), [1, 1])
  history.touch([START + 5 * DAY_MS])
  assert.deepEqual(await rows(), [1, 2])
  history.touch([START])
  assert.deepEqual(await rows(), [2, 2])
  await db.close()
})

test('answers know the versions behind an alias, the most frequent first, and of two under one alias the first in the journal', async () => {
  const db = await databaseOf([alone(0, 1, 0.9), { day: 0, label: null, scores: { champion: ['2', 0.4] } }, { day: 1, label: 0, scores: { champion: ['2', 0.3] }, labelledAt: START + 9 * DAY_MS }])
  await db.transaction((trx) => insertMany(trx, 'scores', [{ pid: 0, alias: 'champion', version: '2', answered: 1, ordinal: 7, score: 0.01 }]))
  const window = { start: START, end: START + 7 * DAY_MS }
  const { pids, labels, answering, byAlias } = await readAnswers(db.kysely, 'm', window)
  assert.deepEqual([pids, labels, answering], [[0, 1, 2], [1, Number.NaN, 0], ['champion']])
  assert.deepEqual([byAlias.get('champion')?.scores, [...(byAlias.get('champion')?.versions ?? [])]], [[0.9, 0.4, 0.3], [['2', 2], ['1', 1]]])
  assert.deepEqual((await readAnswers(db.kysely, 'm', window, START + 8 * DAY_MS)).labels, [1, Number.NaN, Number.NaN])
  assert.deepEqual((await readAnswers(db.kysely, 'm', { start: START + DAY_MS, end: START + 2 * DAY_MS })).pids, [2])
  await db.close()
})
