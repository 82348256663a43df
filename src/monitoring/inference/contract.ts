import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { ScoredRecord } from '../../api/serving.ts'
import type { Database, Migration } from '../../platform/db/index.ts'
import { readCurrent } from '../drift/current.ts'
import { readAnswers } from '../performance/answers.ts'
import { pendingLabels, storeLabels } from '../performance/labels.ts'
import { type MonitorSchema, migrations } from '../tables.ts'
import { parseRecords } from './records.ts'
import { readState, storeRecords } from './store.ts'

const always = { start: 0, end: Number.MAX_SAFE_INTEGER }

const prediction = (id: string, row = 0, alias = 'champion', version = '1', score = 0.5): ScoredRecord => ({
  id, row, model: 'm', version, alias, role: alias === 'champion' ? 'champion' : 'shadow', time: 1000 + row, score,
  ...(alias === 'champion' ? { features: { hour: row, carrier: 'UA' } } : {}),
})

type Step = { readonly records: readonly ScoredRecord[] } | { readonly label: { readonly request_id: string; readonly row: number; readonly label: number } }

/** What taking over the journal and joining labels promise, on any database. `open` gives a fresh, empty one. */
export function joinContract(driver: string, open: (migrations: readonly Migration[]) => Promise<Database<MonitorSchema>>): void {
  async function play(steps: readonly Step[]) {
    const db = await open(migrations)
    let offset = 0
    for (const step of steps) {
      await db.transaction(async (trx) => {
        if ('label' in step) return void (await storeLabels(trx, [{ ...step.label, time: '2013-04-01T00:00:00Z' }], new Date(0)))
        await storeRecords(trx, step.records, offset, offset + 100)
        offset += 100
      })
    }
    const requests = await db.kysely.selectFrom('requests').select(['pid', 'request_id', 'row']).execute()
    const names = new Map(requests.map(({ pid, request_id, row }) => [pid, `${request_id}/${row}`]))
    const { pids, labels, byAlias } = await readAnswers(db.kysely, 'm', always)
    const joined = pids.map((pid, i) => ({
      request: names.get(pid),
      label: labels[i],
      scores: Object.fromEntries([...byAlias].map(([alias, { scores }]) => [alias, scores[i]]).sort()),
    }))
    const pending = await pendingLabels(db.kysely, 1000)
    await db.close()
    return { joined: joined.sort((a, b) => ((a.request ?? '') < (b.request ?? '') ? -1 : 1)), pending }
  }

  test(`${driver}: predictions, shadows and labels join alike in whatever order they come, and however often`, async () => {
    const ids = ['a', 'b', 'c', 'd']
    const scoreOf = (id: string, row: number, alias: string): number => (ids.indexOf(id) + 1) / 10 + row / 100 + alias.length / 1000
    const record = fc.record({ id: fc.constantFrom('a', 'b', 'c'), row: fc.nat(1), alias: fc.constantFrom('champion', 'frozen') })
    const records = fc.uniqueArray(record, { maxLength: 12, selector: ({ id, row, alias }) => `${id}${row}${alias}` })
    const label = fc.record({ request_id: fc.constantFrom(...ids), row: fc.nat(1) })
    const labels = fc.uniqueArray(label, { maxLength: 8, selector: ({ request_id, row }) => `${request_id}${row}` })
    const scenario = fc.tuple(records, labels).chain(([some, truths]) => {
      const steps: Step[] = [
        ...some.map(({ id, row, alias }) => ({ records: [prediction(id, row, alias, '1', scoreOf(id, row, alias))] })),
        ...truths.map(({ request_id, row }) => ({ label: { request_id, row, label: (request_id.charCodeAt(0) + row) % 2 } })),
      ]
      const shuffled = fc.shuffledSubarray([...steps, ...steps], { minLength: steps.length * 2, maxLength: steps.length * 2 })
      return fc.tuple(fc.constant(steps), shuffled)
    })
    await fc.assert(
      fc.asyncProperty(scenario, async ([inOrder, shuffled]) => {
        assert.deepEqual(await play(shuffled), await play(inOrder))
      }),
      { numRuns: 40 },
    )
  })

  test(`${driver}: of a request that was answered twice, by two versions, the first answer counts`, async () => {
    const { joined } = await play([{ records: [prediction('a', 0, 'champion', '1', 0.1)] }, { records: [prediction('a', 0, 'champion', '2', 0.9)] }])
    assert.deepEqual(joined, [{ request: 'a/0', label: NaN, scores: { champion: 0.1 } }])
  })

  test(`${driver}: the offset moves with what was stored: a batch that comes again from an old offset changes nothing`, async () => {
    const db = await open(migrations)
    const store = (from: number, to: number, id: string) => db.transaction((trx) => storeRecords(trx, [prediction(id)], from, to))
    assert.equal(await store(0, 50, 'a'), true)
    assert.equal(await store(0, 50, 'b'), false)
    assert.equal((await readState(db.kysely)).offset, 50)
    assert.equal((await readAnswers(db.kysely, 'm', always)).pids.length, 1)
    await db.close()
  })

  test(`${driver}: the lines of probes are left out, with and without a checksum; what a caller calls probe is not one`, () => {
    const line = (record: object, checksum = '') => `${JSON.stringify(record).slice(0, -1)}${checksum}}\n`
    const crc = ',"crc":"0123abcd"'
    const named = { ...prediction('named'), inputs: { probe: true, crc: '0123abcd' } }
    const text = [line({ ...prediction('p1'), probe: true }), line({ ...prediction('p2'), probe: true }, crc), line(prediction('real'), crc), line(named, crc)].join('')
    assert.deepEqual(parseRecords(text, 0).map(({ id }) => id), ['real', 'named'])
  })

  test(`${driver}: a line of the journal that is no record is refused with its place, not passed over`, () => {
    assert.throws(() => parseRecords('{"id":"a"}\n', 700), { code: 'UPSTREAM_FAILED', message: /after offset 700/ })
    assert.throws(() => parseRecords('{"id":\n', 700), { code: 'UPSTREAM_FAILED', message: /found \{"id":, expected a line of JSON/ })
  })

  test(`${driver}: a label that contradicts one that is kept is refused with both values, and nothing of its batch is stored`, async () => {
    const db = await open(migrations)
    const send = (labels: readonly { request_id: string; label: number }[]) => db.transaction((trx) => storeLabels(trx, labels, new Date(0)))
    assert.deepEqual(await send([{ request_id: 'a', label: 1 }]), { accepted: 1, duplicates: 0, pending: 1 })
    assert.deepEqual(await send([{ request_id: 'a', label: 1 }]), { accepted: 0, duplicates: 1, pending: 1 })
    await assert.rejects(send([{ request_id: 'b', label: 1 }, { request_id: 'a', label: 0 }]), { code: 'CONFLICT', message: 'request a, row 0: the label is 1 already; found 0' })
    await assert.rejects(send([{ request_id: 'c', label: 1 }, { request_id: 'c', label: 0 }]), { code: 'CONFLICT' })
    assert.equal((await pendingLabels(db.kysely, 10)).count, 1)
    await db.close()
  })

  test(`${driver}: only labels known by the moment asked for are joined`, async () => {
    const db = await open(migrations)
    await db.transaction(async (trx) => {
      await storeRecords(trx, [prediction('a')], 0, 10)
      await storeLabels(trx, [{ request_id: 'a', label: 1, time: '2013-04-02T00:00:00Z' }], new Date(0))
    })
    assert.deepEqual((await readAnswers(db.kysely, 'm', always, Date.parse('2013-04-01T23:59:59Z'))).labels, [NaN])
    assert.deepEqual((await readAnswers(db.kysely, 'm', always, Date.parse('2013-04-02T00:00:00Z'))).labels, [1])
    await db.close()
  })

  test(`${driver}: a value that stood in for a feature that did not come in time counts as missing`, async () => {
    const db = await open(migrations)
    const record = { ...prediction('a'), features: { hour: 7, weather__temp: 12.5, temp: 3 }, missing: ['weather:temp'] }
    await db.transaction((trx) => storeRecords(trx, [record], 0, 10))
    const { columns } = await readCurrent(db.kysely, 'm', always)
    assert.deepEqual(Object.fromEntries(columns), { hour: [7], weather__temp: [null], temp: [null] })
    await db.close()
  })

  test(`${driver}: of requests outside the sample, and of masked columns, the rest is known`, async () => {
    const db = await open(migrations)
    const { features: _, ...brief } = prediction('b')
    const records = [prediction('a'), { ...brief, sample: 0.5 }, { ...prediction('c'), features: { hour: 3 }, masked: ['carrier'] }]
    await db.transaction((trx) => storeRecords(trx, records, 0, 10))
    const { rows, columns, unrecorded, masked, scores, versions } = await readCurrent(db.kysely, 'm', always)
    assert.deepEqual({ rows, unrecorded, masked: [...masked], scores, versions: [...versions] }, { rows: 3, unrecorded: 1, masked: [['carrier', 1]], scores: [0.5, 0.5, 0.5], versions: [['1', 3]] })
    assert.deepEqual(Object.fromEntries(columns), { hour: [0, null, 3], carrier: ['UA', null, null] })
    await db.close()
  })
}
