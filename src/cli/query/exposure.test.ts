import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { JournalRecord } from '../../api/serving.ts'
import { type MonitorSchema, migrations } from '../../monitoring/tables.ts'
import { openDatabase } from '../../platform/db/index.ts'
import { LineBuffer } from '../../serving/journal/format.ts'
import { Journal } from '../../serving/journal/journal.ts'
import { packSegment } from '../../serving/journal/parquet/pack.ts'
import { loadProject } from '../project.ts'
import { QueryEngine } from './engine.ts'
import { jsonText } from './print.ts'
import { queryFiles } from './views.ts'

const START = Date.parse('2013-04-01T00:00:00Z')
const folder = mkdtempSync(join(tmpdir(), 'millrace-exposure-'))
const journalFolder = join(folder, '.millrace', 'serving', 'journal')

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

/** Of four requests the first and third go to the candidate; each eighth was sent there by its caller, each ninth came before the rollout. */
function record(i: number): JournalRecord {
  const candidate = i % 2 === 0
  const exposure = { rollout: 'r', arm: candidate ? 'candidate' : 'champion', by: i % 8 === 0 ? 'header' : 'weight' } as const
  return {
    id: `r${i}`,
    row: 0,
    model: 'flight-delay',
    version: candidate ? '2' : '1',
    alias: candidate ? 'challenger' : 'champion',
    role: 'champion',
    time: START + i * 1000,
    inputs: { x: i },
    features: { x: i },
    score: 0.5,
    ...(i % 9 === 0 ? {} : { exposure }),
  }
}

/** What docs/rollouts.md gives for it. */
const [, BY_ARM = ''] = /^millrace query "(.*)"$/m.exec(readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'rollouts.md'), 'utf8')) ?? []

describe('outcomes of an A/B test by arm', () => {
  before(async () => {
    writeFileSync(join(folder, 'millrace.yaml'), 'project: test\n')
    const journal = Journal.open({ folder: journalFolder, durability: 'process', segmentBytes: 2000 })
    for (let i = 1; i <= 40; i++) {
      const lines = new LineBuffer()
      lines.add(JSON.stringify(record(i)).slice(0, -1))
      journal.append(lines.view())
    }
    journal.close()
    const monitor = await openDatabase<MonitorSchema>({ url: `sqlite:${join(folder, '.millrace', 'monitor', 'monitor.db')}`, schema: 'monitor', migrations })
    const labels = Array.from({ length: 20 }, (_, i) => ({ request_id: `r${i + 1}`, row: 0, label: (i + 1) % 4 === 2 ? 1 : 0, time: START + 60_000, joined: 1 }))
    await monitor.kysely.insertInto('labels').values(labels).execute()
    await monitor.close()
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const check = async (): Promise<void> => {
    // Of 1 to 20: odd ones but 9; even ones but 18 and 8, 16, of which 2, 6, 10, 14 have the label 1.
    assert.deepEqual(await rows(BY_ARM), [
      { rollout: 'r', arm: 'candidate', labelled: 7, outcome: 4 / 7, expected: 0.5 },
      { rollout: 'r', arm: 'champion', labelled: 9, outcome: 0, expected: 0.5 },
    ])
    assert.deepEqual(await rows("select id, exposure from predictions where id in ('r8', 'r9', 'r11') order by id"), [
      { id: 'r11', exposure: { rollout: 'r', arm: 'champion', by: 'weight' } },
      { id: 'r8', exposure: { rollout: 'r', arm: 'candidate', by: 'header' } },
      { id: 'r9', exposure: null },
    ])
  }

  test('come from the segments of the journal', async () => {
    assert.deepEqual(queryFiles(loadProject(folder)).packed, [])
    await check()
  })

  test('come from what is packed, and from both together', async () => {
    const segments = queryFiles(loadProject(folder)).journal.map((file) => Number(/(\d{20})\.ndjson$/.exec(file)?.[1]))
    const half = Math.ceil(segments.length / 2)
    for (const start of segments.slice(0, half)) await packSegment(journalFolder, start)
    assert.ok(queryFiles(loadProject(folder)).journal.length > 0)
    await check()
    for (const start of segments.slice(half)) await packSegment(journalFolder, start)
    assert.deepEqual(queryFiles(loadProject(folder)).journal, [])
    await check()
  })
})
