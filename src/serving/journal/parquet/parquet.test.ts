import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { JournalRecord } from '../../../api/serving.ts'
import { DAY_MS } from '../../../domain/windows.ts'
import { DuckDb, literal } from '../../../platform/duckdb/index.ts'
import { LineBuffer } from '../format.ts'
import { Journal } from '../journal.ts'
import { packSegment } from './pack.ts'
import { journalFiles, noteOf, parquetFolder } from './packed.ts'
import { packAside } from './packer.ts'
import { PACK_PROCESS } from './process.ts'

const START = Date.parse('2013-04-01T00:00:00Z')
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-parquet-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const record = (i: number, more: Partial<JournalRecord> & Record<string, unknown> = {}): JournalRecord => ({
  id: `r${i}`, row: 0, model: i % 3 === 0 ? 'a/b' : 'delay', version: '1', alias: 'champion', role: 'champion', time: START + (i % 3) * DAY_MS + i,
  inputs: { carrier: `"${i},é`, distance: i * 1.5, null: null, late: i % 2 === 0 }, features: { distance: i }, score: i / 7, ...more,
})

function write(records: readonly JournalRecord[]): Journal {
  const journal = Journal.open({ folder, durability: 'process' })
  const lines = new LineBuffer()
  for (const one of records) lines.add(JSON.stringify(one).slice(0, -1))
  journal.append(lines.view())
  return journal
}

async function parquetRows(select: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const duckdb = await DuckDb.open()
  try {
    const { parts } = journalFiles(folder)
    return await duckdb.rows(`select ${select} from read_parquet([${parts.map(literal).join(', ')}], union_by_name = true, hive_partitioning = false)`)
  } finally {
    duckdb.close()
  }
}

const parts = (): string[] => readdirSync(parquetFolder(folder), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.parquet')).sort()

describe('packing the journal into Parquet', () => {
  test('gives each line back to the letter, in a file for each model and day, with members that it does not know', async () => {
    const more = { missing: ['weather:wind'], masked: ['name'], caller: 'key:7', sample: 0.5, probe: true as const, arm: 'b', left_out: 2 }
    const records = [...Array.from({ length: 30 }, (_, i) => record(i)), record(31, more), record(32, { tensors: { outputs: { y: { datatype: 'FP32', shape: [1], data: [0.5] } } } })]
    const journal = write(records)
    journal.rotate()
    const note = await packSegment(folder, 0)
    assert.deepEqual(parts(), ['model=a%2Fb/date=2013-04-01/part-00000000000000000000.parquet', 'model=delay/date=2013-04-02/part-00000000000000000000.parquet', 'model=delay/date=2013-04-03/part-00000000000000000000.parquet'])
    assert.equal(note.rows, records.length)
    assert.equal(note.last_time, records.reduce((last, { time }) => Math.max(last, time), 0))
    const rows = await parquetRows('*')
    const back = rows.map(({ inputs, features, tensors, more: rest, ...plain }) => ({
      ...Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== null)),
      ...Object.fromEntries(Object.entries({ inputs, features, tensors }).flatMap(([name, text]) => (typeof text === 'string' ? [[name, JSON.parse(text) as unknown]] : []))),
      ...(typeof rest === 'string' ? (JSON.parse(rest) as object) : {}),
    }))
    const byId = (list: readonly object[]) => new Map(list.map((one) => [Reflect.get(one, 'id') as unknown, one]))
    assert.deepEqual(byId(back), byId(records))
    journal.close()
  })

  for (const [what, wide] of [
    ['rows of 40 columns', (i: number) => ({ inputs: Object.fromEntries(Array.from({ length: 40 }, (_, column) => [`column_${column}`, i * 40 + column + 0.123456789])) })],
    ['tensors of 1,024 elements', (i: number) => ({ tensors: { inputs: { x: { datatype: 'FP64', shape: [1, 1024], data: Array.from({ length: 1024 }, (_, at) => i + at / 7) } }, outputs: {} } })],
  ] as const) {
    test(`takes a segment of megabytes of ${what} in the memory that the packer has`, async () => {
      const journal = write(Array.from({ length: what.startsWith('rows') ? 6000 : 500 }, (_, i) => record(i, wide(i))))
      journal.rotate()
      const note = await packAside(folder, 0, new AbortController().signal)
      const [counted] = await parquetRows('count(distinct id)::INTEGER as ids, sum(length(coalesce(tensors, inputs)))::INTEGER as characters')
      assert.equal(counted?.['ids'], note.rows)
      assert.ok(Number(counted?.['characters']) > 5_000_000)
      journal.close()
    })
  }

  test('a reader finds each line once, packed or not, and again in the segment where that went on', async () => {
    const journal = write([record(1), record(2)])
    journal.rotate()
    journal.append(readFileSync(journal.closed[0]?.file ?? ''))
    await packSegment(folder, 0)
    const { head } = journal
    const segments = () => journalFiles(folder).segments.map((file) => Number(file.slice(-27, -7)))
    assert.deepEqual([journalFiles(folder).parts.length, segments()], [2, [head / 2]])
    journal.drop(head / 2)
    assert.deepEqual([journal.tail, journalFiles(folder).parts.length, segments()], [head / 2, 2, [head / 2]])
    journal.close()
    // Restored from a backup: the first segment is back, longer than it was.
    writeFileSync(join(folder, '00000000000000000000.ndjson'), 'x'.repeat(head))
    assert.deepEqual([journalFiles(folder).parts, segments()], [[], [0, head / 2]])
  })

  test('what was packed of a segment that a restored journal does not have, or not yet, counts for nothing', async () => {
    const journal = write([record(1)])
    const size = journal.head
    journal.rotate()
    journal.append(readFileSync(journal.closed[0]?.file ?? ''))
    journal.rotate()
    await packSegment(folder, size)
    journal.close()
    rmSync(join(folder, `${String(size).padStart(20, '0')}.ndjson`))
    assert.deepEqual(journalFiles(folder).parts, [])
  })

  test('a segment with a broken line is refused and left as it is', async () => {
    const journal = write([record(1), record(2)])
    journal.rotate()
    const file = journal.closed[0]?.file ?? ''
    writeFileSync(file, readFileSync(file, 'utf8').replace('"r1"', '"r9"'))
    await assert.rejects(packAside(folder, 0, new AbortController().signal), { code: 'DATA_UNREADABLE', message: /broken line/ })
    assert.deepEqual(journalFiles(folder), { parts: [], segments: [file, journalFiles(folder).segments[1]] })
    journal.close()
  })

  test('killed with -9 at any moment it leaves the journal as it was or packed, and never a line twice', async () => {
    const journal = write(Array.from({ length: 3000 }, (_, i) => record(i)))
    journal.rotate()
    const all = 3000
    let finished = 0
    for (let delay = 60; finished < 1 && delay < 20_000; delay *= 1.35) {
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PACK_PROCESS, folder, '0'], { stdio: ['pipe', 'ignore', 'inherit'] })
      const timer = setTimeout(() => child.kill('SIGKILL'), delay)
      await once(child, 'exit')
      clearTimeout(timer)
      const { parts: whole, segments } = journalFiles(folder)
      if (existsSync(noteOf(folder, 0))) {
        finished++
        assert.deepEqual(await parquetRows('count(*)::INTEGER as n, count(distinct id)::INTEGER as ids'), [{ n: all, ids: all }])
        assert.equal(segments.length, 1)
      } else assert.deepEqual([whole, segments.length], [[], 2])
    }
    assert.equal(finished, 1)
    // What a kill after the last rename left is cleared away with the next one.
    appendFileSync(noteOf(folder, 0), '')
    journal.append(readFileSync(journal.closed[0]?.file ?? ''))
    journal.rotate()
    await packSegment(folder, journal.closed[1]?.start ?? 0)
    assert.deepEqual(readdirSync(parquetFolder(folder)).filter((name) => name.startsWith('packing')), [])
    assert.deepEqual(await parquetRows('count(*)::INTEGER as n'), [{ n: 2 * all }])
    journal.close()
  })
})
