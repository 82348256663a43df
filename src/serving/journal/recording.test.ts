import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { pino } from 'pino'
import { createTransport } from '../../../sdk/http.ts'
import { servingClient } from '../../../sdk/serving.ts'
import type { JournalRecord } from '../../api/serving.ts'
import { DAY_MS } from '../../domain/windows.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { startForTest } from '../../platform/service/testing.ts'
import { servingService } from '../index.ts'
import { type ServingProcess, startReadyProcess } from '../testing-process.ts'
import { FIXTURES, ROW, type Registry, ready, startRegistry, testConfig } from '../testing.ts'
import { LineBuffer } from './format.ts'
import { Journal } from './journal.ts'
import { Keeper } from './keeper.ts'
import { journalFiles } from './parquet/packed.ts'
import { isSampled } from './recording.ts'
import { RelaxedWriter } from './relaxed.ts'

const silent = pino({ level: 'silent' })
let folder: string
let registry: Registry
let serving: ServingProcess | undefined

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'recording-'))
  registry = await startRegistry(join(folder, 'registry'))
  registry.add('1', join(FIXTURES, 'one'))
  registry.move('champion', '1')
})
afterEach(async () => {
  serving?.child.kill('SIGKILL')
  await registry.close()
  rmSync(folder, { recursive: true, force: true })
})

/** The records of a deployment with these settings, after `ids` were asked. */
async function recorded(journal: string, ids: readonly string[], headers: Readonly<Record<string, string>> = {}): Promise<readonly JournalRecord[]> {
  const config = testConfig({ tracking: registry.url, gateway: registry.url, yaml: `deployments: [{model: delay, journal: ${journal}}]` })
  const service = await startForTest(servingService, config, { projectFolder: join(folder, 'project') })
  try {
    await ready(service.url)
    const client = servingClient(createTransport(service.url))
    for (const requestId of ids) await client.predict('delay', [ROW], { requestId, headers })
    if (journal.includes('relaxed')) await new Promise((resolve) => setTimeout(resolve, 100))
    return (await client.readJournal(0)).records
  } finally {
    await service.stop()
  }
}

describe('what is recorded', () => {
  test('of a sample, whole requests by the hash of their id; of the others version and score, and always the share', async () => {
    const ids = Array.from({ length: 40 }, (_, i) => `request-${i}`)
    const records = await recorded('{sample: 0.3}', ids)
    assert.deepEqual(records.map(({ id }) => id), ids)
    for (const { id, inputs, features, sample, score, version } of records) {
      assert.equal(inputs !== undefined && features !== undefined, isSampled(id, 0.3))
      assert.deepEqual([sample, version, typeof score], [0.3, '1', 'number'])
    }
    const many = Array.from({ length: 20_000 }, (_, i) => `r${i}`)
    const share = many.filter((id) => isSampled(id, 0.3)).length / many.length
    assert.ok(Math.abs(share - 0.3) < 0.02, `${share}`)
    assert.ok(many.every((id) => !isSampled(id, 0.1) || isSampled(id, 0.3)), 'a smaller sample lies in a larger one')
  })

  test('no value of a masked column, nor of a feature made of it; a hash is the same each time, and says who masks', async () => {
    mkdirSync(join(folder, 'project'), { recursive: true })
    writeFileSync(join(folder, 'project', 'people.yaml'), 'schema: [{name: t, properties: [{name: origin, classification: Restricted}, {name: hour, tags: [PII]}, {name: distance, classification: public}]}]')
    const records = await recorded('{mask: {drop: [hhmm], hash: [carrier], contracts: [people.yaml]}}', ['a', 'b'])
    const [a, b] = records
    assert.deepEqual(Object.keys(a?.inputs ?? {}), ['distance', 'carrier', 'weather__wind'])
    assert.match(String(a?.inputs?.['carrier']), /^[0-9a-f]{32}$/)
    assert.equal(a?.inputs?.['carrier'], b?.inputs?.['carrier'])
    assert.ok(['hhmm', 'carrier', 'origin', 'hour'].every((name) => a?.masked?.includes(name)), String(a?.masked))
    for (const name of Object.keys(a?.features ?? {})) assert.ok(!a?.masked?.includes(name))
    assert.ok(Object.keys(a?.features ?? {}).length > 0)
    const text = JSON.stringify(records)
    for (const secret of ['1435', 'JFK', '"AA"', '2013-04-01T15']) assert.ok(!text.includes(secret), secret)
    assert.equal(statSync(join(folder, 'project', '.millrace', 'serving', 'mask.key')).mode & 0o077, 0)
  })

  test('who called, whatever signs the name holds', async () => {
    const name = 'key:"7"\n'
    assert.equal((await recorded('{}', ['a'], { 'x-millrace-actor': encodeURIComponent(name) }))[0]?.caller, name)
  })

  test('a contract that is not there is refused at the start', async () => {
    await assert.rejects(recorded('{mask: {contracts: [nowhere.yaml]}}', []), { code: 'CONFIG_INVALID', message: /nowhere\.yaml/ })
  })

  test('relaxed and killed with -9, nothing that was answered before the window is lost', async () => {
    const WINDOW_MS = 100
    const options = { tracking: registry.url, gateway: registry.url, yaml: `deployments: [{model: delay, journal: {mode: relaxed, window: ${WINDOW_MS}ms}}]` }
    const running = (serving = await startReadyProcess(join(folder, 'project'), options))
    const client = servingClient(createTransport(running.url))
    const answered = new Map<string, number>()
    const asking = (async () => {
      for (let i = 0; ; i++) {
        try {
          await client.predict('delay', [ROW], { requestId: `r${i}` })
        } catch {
          return
        }
        answered.set(`r${i}`, performance.now())
      }
    })()
    await new Promise((resolve) => setTimeout(resolve, 700))
    running.child.kill('SIGKILL')
    const killed = performance.now()
    await asking
    const journal = join(folder, 'project', '.millrace', 'serving', 'journal')
    const text = readdirSync(journal).filter((name) => name.endsWith('.ndjson')).map((name) => readFileSync(join(journal, name), 'utf8')).join('')
    // Twice the window: the machine may have given the timer no turn.
    const old = [...answered].filter(([, at]) => at < killed - 2 * WINDOW_MS)
    assert.ok(old.length > 0)
    for (const [id] of old) assert.ok(text.includes(`"id":"${id}"`), id)
  })
})

describe('the relaxed writer', () => {
  test('keeps what the disk does not take, in order, and refuses only when too much waits', () => {
    let full = true
    const taken: string[] = []
    const writer = new RelaxedWriter({ append: (lines) => { if (full) throw new MillraceError('DISK_FULL', 'full'); taken.push(lines.toString()) }, settled: () => undefined }, silent)
    const sink = writer.within({ windowMs: 1000, windowBytes: 4 })
    for (const text of ['ab', 'cd', 'ef']) sink.append(Buffer.from(text))
    assert.throws(() => writer.flush(), { code: 'DISK_FULL' })
    assert.throws(() => sink.append(Buffer.alloc(17 * 1024 * 1024)), { code: 'JOURNAL_FAILED' })
    full = false
    writer.flush()
    assert.deepEqual(taken, ['abcdef'])
  })
})

describe('the keeper of the journal', () => {
  test('packs what has ended, and deletes only what is old, packed, counted and taken over', async () => {
    const journal = Journal.open({ folder, durability: 'process' })
    const add = (day: number): void => {
      const lines = new LineBuffer()
      lines.add(JSON.stringify({ id: `d${day}`, row: 0, model: 'm', version: '1', alias: 'champion', role: 'champion', time: day * DAY_MS, score: 0.5 }).slice(0, -1))
      journal.append(lines.view())
    }
    let today = 1
    let counted = Number.POSITIVE_INFINITY
    const keeper = new Keeper({ journal, folder, now: () => today * DAY_MS, log: silent, retentionMs: 10 * DAY_MS, counted: () => counted, firstMs: 60_000, everyMs: 60_000 })
    add(1)
    await keeper.run()
    assert.deepEqual([journal.closed.length, journalFiles(folder).parts.length], [0, 0], 'the day has not ended')
    today = 2
    await keeper.run()
    add(2)
    assert.deepEqual([journal.closed.length, journalFiles(folder).parts.length], [1, 1])
    today = 20
    await keeper.run()
    assert.deepEqual([journal.tail, journalFiles(folder).parts.length], [0, 2], 'nobody has taken it over')
    const [first] = journal.closed
    keeper.acknowledge(first?.end ?? 0)
    counted = 0
    await keeper.run()
    assert.equal(journal.tail, 0, 'it is not counted')
    counted = Number.POSITIVE_INFINITY
    await keeper.run()
    assert.equal(journal.tail, first?.end)
    keeper.acknowledge(journal.head)
    today = 12
    await keeper.run()
    assert.equal(journal.tail, first?.end, 'the second day is not old enough')
    assert.equal(journalFiles(folder).parts.length, 2)
    await keeper.stop()
    journal.close()
  })
})
