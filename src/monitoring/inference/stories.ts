import assert from 'node:assert/strict'
import { createTransport } from '../../../sdk/http.ts'
import type { ScoredRecord } from '../../api/serving.ts'
import { DAY_MS } from '../../domain/windows.ts'
import type { JournalPiece } from '../peers.ts'
import { MODEL, START, type World, scenarios } from '../testing.ts'

const PER_DAY = 10

/** What the monitor does when serving's journal is not what it took over, as after a restored backup or a loss of power. */
export function journalStories(makeDatabase: () => string): void {
  const scenario = scenarios(makeDatabase)
  const adopt = (world: World) => createTransport(world.url).json<{ offset: number }>('POST', '/-/journal/adopt')
  const metric = async (world: World, name: string): Promise<string | undefined> => {
    const text = await (await createTransport(world.url).raw('GET', '/metrics')).text()
    return text.split('\n').find((line) => line.startsWith(name))?.split(' ').at(-1)
  }
  /** The requests of days, each day appended to the journal at once and known by `prefix`. */
  const requests = (day: number, prefix = 'a'): ScoredRecord[] =>
    Array.from({ length: PER_DAY }, (_, i) => ({
      id: `${prefix}${day}-${i}`, row: 0, model: MODEL, version: '1', alias: 'champion', role: 'champion', time: START + day * DAY_MS + i, score: 0.3, features: { hour: i },
    }))
  const takeOver = async (world: World, ...days: readonly number[]): Promise<void> => {
    for (const day of days) {
      world.peers.journal(requests(day))
      await world.settle()
    }
  }
  const labelled = (records: readonly ScoredRecord[]) => records.map(({ id }, i) => ({ request_id: id, label: i % 2, time: '2013-05-01T00:00:00Z' }))
  const end = (pieces: readonly JournalPiece[]): number => pieces.reduce((_, { start, bytes }) => start + bytes.length, 0)

  for (const away of [false, true]) {
    scenario(`a journal that lost its end is read on from the last line in common${away ? ', though the monitor was away meanwhile' : ''}: nothing is lost, nothing counted twice`, async (world) => {
      await takeOver(world, 0, 1, 2, 3)
      const before = world.peers.journalPieces
      if (away) await world.stopService()
      // The last two days are gone. Callers of one of them ask again, others come, and the journal grows beyond where the monitor stopped.
      const [first, second, third, fourth] = before
      assert.ok(first && second && third && fourth)
      const others = Buffer.from(fourth.bytes.toString().replaceAll('"id":"a', '"id":"others'))
      world.peers.journalPieces = [first, second, { start: third.start, bytes: fourth.bytes }, { start: fourth.start, bytes: others }]
      if (away) await world.start()
      await world.settle()
      await takeOver(world, 4)
      await world.client.sendLabels(labelled([0, 1, 2, 3, 4].flatMap((day) => requests(day))))
      await world.client.sendLabels(labelled(requests(3, 'others')))
      const { points } = await world.client.performance(MODEL, 'day')
      assert.deepEqual(points.map((point) => point.rows), [PER_DAY, PER_DAY, PER_DAY, 2 * PER_DAY, PER_DAY])
      assert.deepEqual(await world.events('journal.discontinued'), [{ cause: 'shortened', offset: end(before), resumed_at: third.start, head: fourth.start + others.length }])
      assert.equal(await metric(world, 'millrace_journal_discontinuities_total{cause="shortened"'), '1')
    })
  }

  scenario('a request that is answered again, by another version, after the journal lost its end, keeps its first answer', async (world) => {
    await takeOver(world, 0, 1)
    const [first, second] = world.peers.journalPieces
    assert.ok(first && second)
    const again = second.bytes.toString().replaceAll('"version":"1"', '"version":"2"').replaceAll('"score":0.3', '"score":0.9')
    world.peers.journalPieces = [first, { start: second.start, bytes: Buffer.from(again) }]
    await takeOver(world, 2)
    await world.client.sendLabels(labelled(requests(1)))
    const { points } = await world.client.performance(MODEL, 'day')
    assert.deepEqual(points.map(({ rows, by_alias }) => [rows, by_alias['champion']?.versions]).at(1), [PER_DAY, ['1']])
  })

  scenario('another journal is not taken over before an operator says so; then it is, beside what was there', async (world) => {
    await assert.rejects(adopt(world), { status: 409, code: 'CONFLICT' })
    await takeOver(world, 0, 1)
    const offset = end(world.peers.journalPieces)
    world.peers.journalPieces = []
    await world.waitsFor(/^serving's journal, which has no line in common with the \d+ bytes taken over: .*POST \/-\/journal\/adopt$/)
    world.peers.journal(requests(2, 'other'))
    const head = end(world.peers.journalPieces)
    await world.restart()
    await world.waitsFor(/no line in common/)
    const all = [...requests(0), ...requests(1), ...requests(2, 'other')]
    assert.equal((await world.client.sendLabels(labelled(all))).pending, PER_DAY)
    assert.equal(await metric(world, 'millrace_journal_blocked'), '1')
    assert.deepEqual(await world.events('journal.discontinued'), [{ cause: 'replaced', offset, resumed_at: null, head: 0 }])

    assert.deepEqual(await adopt(world), { offset: 0 })
    await world.settle()
    assert.equal((await world.client.pendingLabels()).count, 0)
    assert.deepEqual((await world.client.performance(MODEL, 'day')).points.map((point) => point.rows), [PER_DAY, PER_DAY, PER_DAY])
    assert.deepEqual((await world.events('journal.discontinued')).slice(1), [{ cause: 'replaced', offset, resumed_at: 0, head }])
    assert.equal(await metric(world, 'millrace_journal_blocked'), '0')
  })

  scenario('when the right journal comes back, the monitor goes on by itself', async (world) => {
    await takeOver(world, 0, 1)
    const before = world.peers.journalPieces
    world.peers.journalPieces = []
    await world.waitsFor(/no line in common/)
    world.peers.journalPieces = before
    await takeOver(world, 2)
    assert.equal((await world.client.sendLabels(labelled([0, 1, 2].flatMap((day) => requests(day))))).pending, 0)
    assert.equal((await world.events('journal.discontinued')).length, 1)
    await assert.rejects(adopt(world), { status: 409 })
  })

  scenario('lines that were deleted before they were taken over are told of, and the rest is taken over', async (world) => {
    await takeOver(world, 0)
    const offset = end(world.peers.journalPieces)
    await world.stopService()
    for (const day of [1, 2]) world.peers.journal(requests(day))
    world.peers.journalPieces = world.peers.journalPieces.slice(2)
    const [left] = world.peers.journalPieces
    assert.ok(left)
    await world.start()
    await world.settle()
    assert.equal((await world.client.sendLabels(labelled([0, 1, 2].flatMap((day) => requests(day))))).pending, PER_DAY)
    assert.deepEqual(await world.events('journal.discontinued'), [{ cause: 'pruned', offset, resumed_at: left.start, head: end([left]) }])
  })
}
