import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { killAgainAndAgain } from '../../src/training/testing-kill.ts'
import { startPostgres } from '../lib/postgres.ts'

const KILLS = Number(process.env['MILLRACE_KILLS'] ?? 50)

test(`killed with -9 at ${KILLS} random moments, tracking on SQLite keeps all that it acknowledged, and nothing by half`, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kills-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await killAgainAndAgain(folder, '', KILLS)
})

test(`and on PostgreSQL, killed ${Math.ceil(KILLS / 2)} times`, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kills-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const server = await startPostgres()
  t.after(() => server.stop())
  await killAgainAndAgain(folder, `storage: {database: '${server.url}'}\n`, Math.ceil(KILLS / 2))
})
