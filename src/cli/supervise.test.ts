import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { projectConfigSchema } from '../domain/config.ts'
import { parseConfig } from '../platform/config/index.ts'
import { freePort } from '../platform/http/testing.ts'
import { Supervisor } from '../platform/supervisor/index.ts'
import { journalFiles } from '../serving/journal/parquet/packed.ts'
import { FIXTURES, ready } from '../serving/testing.ts'
import { supervisedServices } from './supervise.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-supervise-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('serving is left as long to stop as its drain and its answers take: it takes requests to the end of it, and ends in order', async () => {
  mkdirSync(join(folder, 'models', 'plain'), { recursive: true })
  cpSync(join(FIXTURES, 'plain'), join(folder, 'models', 'plain', '1'), { recursive: true })
  // Longer than the patience with other services.
  const yaml = `project: test\nmodel_repository: models\nservices: {serving: {port: ${await freePort()}, drain: 11s}}\n`
  writeFileSync(join(folder, 'millrace.yaml'), yaml)
  const serving = supervisedServices({ config: parseConfig(projectConfigSchema, yaml, 'millrace.yaml') }).filter(({ name }) => name === 'serving')
  const url = new URL(serving[0]?.healthUrl ?? '').origin
  const logFolder = join(folder, 'logs')
  const supervisor = new Supervisor(serving.map((one) => ({ ...one, after: [] })), { folder, logFolder, environment: {} })
  await supervisor.start()
  await ready(url)
  const stopped = supervisor.stop()
  let answered = 0
  for (let open = true; open; ) {
    const status = await fetch(`${url}/v1/models/plain:predict`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"instances":[{"a":1,"b":2}]}' }).then((answer) => answer.status, () => 0)
    open = status !== 0
    if (status === 200) answered++
    await sleep(20)
  }
  await stopped
  assert.ok(answered > 0)
  const state = join(folder, '.millrace', 'serving')
  const { segments } = journalFiles(join(state, 'journal'))
  const lines = segments.flatMap((file) => readFileSync(file, 'utf8').trimEnd().split('\n'))
  assert.equal(lines.length, answered)
  // What is saved with the journal's end when serving stops, and else every two seconds.
  const database = new DatabaseSync(join(state, 'serving.db'), { readOnly: true })
  assert.equal(database.prepare('select predictions from tallies').get()?.['predictions'], answered)
  database.close()
})
