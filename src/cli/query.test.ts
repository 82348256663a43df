import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { JournalRecord } from '../api/serving.ts'
import { eventLogMigrations, type EventLogSchema } from '../gateway/event-log/schema.ts'
import { migrations, type MonitorSchema } from '../monitoring/tables.ts'
import { openDatabase } from '../platform/db/index.ts'
import { DuckDb } from '../platform/duckdb/index.ts'
import { LineBuffer } from '../serving/journal/format.ts'
import { Journal } from '../serving/journal/journal.ts'
import { loadProject } from './project.ts'
import { QueryEngine } from './query/engine.ts'
import { jsonText } from './query/print.ts'
import { queryFiles } from './query/views.ts'

const main = fileURLToPath(new URL('../main.ts', import.meta.url))
const HOUR = 3_600_000
const START = Date.parse('2013-04-01T00:00:00Z')
const folder = mkdtempSync(join(tmpdir(), 'millrace-query-'))
const state = (...parts: readonly string[]): string => join(folder, '.millrace', ...parts)
const segments = (): string[] => readdirSync(state('serving', 'journal')).sort().map((name) => state('serving', 'journal', name))

interface Answer {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function query(...args: readonly string[]): Promise<Answer> {
  return queryIn(folder, ...args)
}

function queryIn(project: string, ...args: readonly string[]): Promise<Answer> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, '-C', project, 'query', ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    })
  })
}

/** In this process: starting one takes longer than asking. */
async function rows(sql: string): Promise<unknown> {
  const project = loadProject(folder)
  const engine = await QueryEngine.open(project, queryFiles(project), sql)
  try {
    let text = ''
    for await (const part of jsonText(await engine.select(sql), Number.POSITIVE_INFINITY)) text += part
    return JSON.parse(text)
  } finally {
    engine.close()
  }
}

function record(i: number, more: Partial<JournalRecord> = {}): JournalRecord {
  const inputs = { carrier: i % 2 === 0 ? 'UA' : 'A"A,\u001b[31m', distance: 100.5 * i, late: null }
  return { id: `r${i}`, row: 0, model: 'delay', version: '1', alias: 'champion', role: 'champion', time: START + i * HOUR, inputs, features: { distance: 100.5 * i }, score: i / 10, ...more }
}

function append(journal: Journal, records: readonly JournalRecord[]): void {
  const lines = new LineBuffer()
  for (const one of records) lines.add(JSON.stringify(one).slice(0, -1))
  journal.append(lines.view())
}

const open: { readonly close: () => Promise<void> }[] = []

before(async () => {
  writeFileSync(join(folder, 'millrace.yaml'), 'project: test\n')
  const journal = Journal.open({ folder: state('serving', 'journal'), durability: 'process', segmentBytes: 1000 })
  for (let i = 0; i < 10; i++) append(journal, [record(i)])
  const { inputs: _, features: __, ...shadow } = record(0, { version: '2', alias: 'shadow', role: 'shadow', score: 0.5 })
  append(journal, [shadow, record(0, { time: START + 50 * HOUR, score: 0.9 }), record(3, { id: 'probed', probe: true })])
  append(journal, [record(11, { id: 'tensors', tensors: { outputs: { y: { datatype: 'FP32', shape: [1], data: [0.5] } } } })])
  journal.close()
  appendFileSync(segments().at(-1) ?? '', '{"id":"torn","row":0,"model":"del')

  // Left open, as a running service has them.
  const monitor = await openDatabase<MonitorSchema>({ url: `sqlite:${state('monitor', 'monitor.db')}`, schema: 'monitor', migrations })
  open.push(monitor)
  const labels = [0, 1, 2, 77].map((i) => ({ request_id: `r${i}`, row: 0, label: i % 2, time: START + (i + 5) * HOUR, joined: i === 77 ? 0 : 1 }))
  await monitor.kysely.insertInto('labels').values(labels).execute()
  const log = await openDatabase<EventLogSchema>({ url: `sqlite:${state('gateway', 'events.db')}`, schema: 'gateway_events', migrations: eventLogMigrations })
  open.push(log)
  const event = JSON.stringify({ projecttime: '2013-04-01T04:00:00Z', data: { alias: 'champion', version: '1' } })
  const logged = { position: 1, source: 'tracking', seq: 1, type: 'dev.millrace.model.alias.moved', subject: 'delay', time: START, hash: 'h', event, broken: null }
  await log.kysely.insertInto('log_events').values(logged).execute()

  mkdirSync(state('monitor', 'inference', 'model=a%20b'), { recursive: true })
  const duckdb = await DuckDb.open()
  await duckdb.run(`copy (select 'r0' as request_id, 0 as "row", timestamp '2013-04-01' as "time", 'champion' as alias, '1' as version, 'champion' as role, 0.25 as score, 7.5 as "input.x")
    to '${state('monitor', 'inference', 'model=a%20b', 'date=2013-04-01.parquet')}' (format parquet)`)
  duckdb.close()
})

after(async () => {
  for (const database of open) await database.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('millrace query', { concurrency: 2 }, () => {
  it('reads every whole line of every segment, with moments, maps and tensors as such', async () => {
    assert.ok(segments().length > 1)
    assert.deepEqual(await rows('select count(*) as lines, count(distinct id) as requests from predictions'), [{ lines: 14, requests: 12 }])
    assert.deepEqual(await rows(`select time, inputs, inputs['distance']::double * 2 as twice, probe, missing from predictions where id = 'r2'`), [
      { time: '2013-04-01T02:00:00Z', inputs: { carrier: 'UA', distance: '201', late: null }, twice: 402, probe: false, missing: null },
    ])
    assert.deepEqual(await rows(`select tensors, sum(1) as n from predictions where id = 'tensors' group by all`), [
      { tensors: { outputs: { y: { datatype: 'FP32', shape: [1], data: [0.5] } } }, n: 1 },
    ])
  })

  it('joins labels to the first answer, while the monitor has its database open', async () => {
    assert.deepEqual(await rows('select id, score, label, labelled_at from labelled order by id'), [
      { id: 'r0', score: 0, label: 0, labelled_at: '2013-04-01T05:00:00Z' },
      { id: 'r1', score: 0.1, label: 1, labelled_at: '2013-04-01T06:00:00Z' },
      { id: 'r2', score: 0.2, label: 0, labelled_at: '2013-04-01T07:00:00Z' },
    ])
    assert.deepEqual(await rows('select count(*) as n from labels'), [{ n: 4 }])
  })

  it("reads the event log and the monitor's files", async () => {
    assert.deepEqual(await rows(`select position, type, project_time, data->>'alias' as alias from events`), [
      { position: 1, type: 'dev.millrace.model.alias.moved', project_time: '2013-04-01T04:00:00Z', alias: 'champion' },
    ])
    assert.deepEqual(await rows('select model, id, score, "input.x" from lake'), [{ model: 'a b', id: 'r0', score: 0.25, 'input.x': 7.5 }])
  })

  it('draws a table in which no text can steer the terminal', async () => {
    const { stdout } = await query(`select inputs['carrier'] as carrier, score from predictions where id in ('r1', 'r2') order by time`)
    const [head, line, first, second, count] = stdout.split('\n')
    assert.deepEqual([head, line], ['carrier         score', '──────────────  ─────'])
    assert.deepEqual([first, second], ['A"A,\\u001b[31m    0.1', 'UA                0.2'])
    assert.match(count ?? '', /^2 rows in \d+\.\d\d s$/)
  })

  it('stops at the limit and says that there is more', async () => {
    const { stdout } = await query('select id from predictions', '--limit', '3')
    assert.match(stdout, /\nthe first 3 rows; --limit shows more; in /)
    assert.match((await query('select id from predictions limit 3', '--limit', '3')).stdout, /\n3 rows in /)
  })

  it('writes CSV that a reader takes apart again', async () => {
    const { stdout } = await query(`select inputs['carrier'] as "a,b", null as none, '' as empty, time from predictions where id = 'r1'`, '--csv')
    assert.equal(stdout, '"a,b",none,empty,time\r\n"A""A,\u001b[31m",,"",2013-04-01T01:00:00Z\r\n')
  })

  it('shows the place of a mistake', async () => {
    const { code, stderr } = await query('select id\nfrom predictions where bar = 1')
    assert.equal(code, 64)
    assert.match(stderr, /^millrace: USAGE: Binder Error: Referenced column "bar" not found[^]*LINE 2: from predictions where bar = 1\n +\^\n$/)
    await assert.rejects(rows('selec 1'), { code: 'USAGE', message: /^Parser Error: syntax error at or near "selec"/ })
  })

  it('reaches no other file, and writes none', async () => {
    const [segment = ''] = segments()
    const whole = readFileSync(segment)
    const outside = join(folder, 'millrace.yaml')
    for (const sql of [`select * from read_text('${outside}')`, `select * from glob('${folder}/*')`, `select * from '${outside}'`, `select * from read_csv('http://127.0.0.1:1/x')`]) {
      await assert.rejects(rows(sql), { code: 'USAGE', message: /Permission Error|Catalog Error/ }, sql)
    }
    for (const sql of [`copy (select 1) to '${segment}'`, `explain analyze copy (select 1) to '${segment}'`, `attach '${folder}/x.db'`, 'set threads = 9', 'select 1; select 2', ' ']) {
      await assert.rejects(rows(sql), { code: 'USAGE', message: /expected (a|one) SELECT/ }, sql)
    }
    assert.deepEqual(readFileSync(segment), whole)
  })

  it('names the views and their columns, also where nothing was ever served', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'millrace-query-'))
    try {
      writeFileSync(join(empty, 'millrace.yaml'), 'project: test\n')
      const { stdout } = await queryIn(empty, '--schema')
      for (const view of ['predictions', 'labelled', 'labels', 'lake', 'events']) assert.match(stdout, new RegExp(`^${view} +time +TIMESTAMP$`, 'm'))
      assert.equal((await queryIn(empty, 'select * from labelled join lake using (id)', '--json')).stdout, '[]\n')
      assert.deepEqual(readdirSync(empty), ['millrace.yaml'])
    } finally {
      rmSync(empty, { recursive: true })
    }
  })
})
