import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pipelinesService } from '../data/pipeline/executions/index.ts'
import { databaseStatus, openDatabase } from '../platform/db/index.ts'
import { writeFileDurable } from '../platform/fs/index.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-db-')))
after(() => rmSync(folder, { recursive: true, force: true }))
writeFileDurable(join(folder, 'millrace.yaml'), 'project: shop\nservices: {pipelines: {port: 1}}\n')
const database = { url: `sqlite:${join(folder, '.millrace/pipelines/pipelines.db')}`, schema: 'pipelines', migrations: pipelinesService.migrations }
const names = pipelinesService.migrations.map(({ name }) => name)

function millrace(...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const command = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, '..', 'main.ts'), 'db', ...args]
    execFile(process.execPath, command, { cwd: folder }, (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }))
  })
}

test('status tells of every service what its database has and lacks, and makes nothing', async () => {
  const { stdout } = await millrace('status')
  for (const service of ['gateway', 'tracking', 'features', 'serving', 'monitor', 'pipelines']) assert.match(stdout, new RegExp(`^${service} +pending +001-`, 'm'))
  assert.deepEqual(readdirSync(folder), ['millrace.yaml'])
})

test('rollback is refused while the database is open, then takes back what it says and keeps a copy', async () => {
  const open = await openDatabase(database)
  const refused = await millrace('rollback', 'pipelines', '--to', '002-executions')
  assert.match(refused.stderr, /DATABASE_IN_USE: .*pipelines\.db is open in another process/)
  assert.deepEqual((await databaseStatus(database)).applied, names, 'it can be asked of a database in use')
  await open.close()

  const { code, stdout } = await millrace('rollback', 'pipelines', '--to', '002-executions')
  const undone = names.slice(names.indexOf('002-executions') + 1).toReversed()
  assert.equal(code, 0)
  assert.equal(stdout.startsWith(undone.map((name) => `took back  ${name}\n`).join('')), true, stdout)
  assert.match(stdout, /copy +of the database as it was: in .*backups/)
  assert.equal(readdirSync(join(folder, '.millrace/pipelines/backups')).filter((name) => name.endsWith(`before-leaving-${undone[0]}.db`)).length, 1)
  const [after] = JSON.parse((await millrace('status', 'pipelines', '--json')).stdout) as readonly unknown[]
  assert.deepEqual(after, { service: 'pipelines', applied: ['001-events', '002-executions'], pending: undone.toReversed(), unknown: [] })
  assert.match((await millrace('rollback', 'pipelines', '--to', '002-executions')).stdout, /002-executions is the last one already; nothing was changed/)
  assert.match((await millrace('rollback', 'pipelines', '--to', '001-events')).stderr, /MIGRATION_IRREVERSIBLE/)
})
