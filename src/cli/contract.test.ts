import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openProjectOutbox } from '../data/pipeline/project-outbox.ts'
import { projectConfigSchema } from '../domain/config.ts'
import { parseConfig } from '../platform/config/index.ts'

const project = fileURLToPath(new URL('../../examples/flights', import.meta.url))
const main = fileURLToPath(new URL('../main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'millrace-contract-cli-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function millrace(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    // The example stays as it is: the events that a check leaves go to the test's own folder.
    const env = { ...process.env, MILLRACE_STORAGE_FOLDER: folder }
    execFile(process.execPath, [main, '-C', project, 'contract', ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    })
  })
}

describe('millrace contract', { concurrency: true }, () => {
  it('check lets good data pass', async () => {
    const { code, stdout, stderr } = await millrace('check', 'contracts/flights.yaml', '--data', 'source/flights/2013-04.parquet', '--as-of', '2013-05-01')
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /^contract flights 1\.0\.0 holds: .*\n28,330 rows in 1 file, 100 checks: 100 passed\n$/)
  })

  it('check refuses bad data with the table, the report and its exit code', async () => {
    const file = join(folder, 'reports', 'contract.json')
    const { code, stdout, stderr } = await millrace('check', 'contracts/flights.yaml', '--data', 'corrupted/2013-04.parquet', '--as-of', '2013-05-01', '--report', file)
    assert.equal(code, 65)
    assert.match(stdout, /failed {3}hour\.maximum/)
    assert.match(stderr, /CONTRACT_VIOLATED: corrupted\/2013-04\.parquet breaks 15 rules of contracts\/flights\.yaml/)
    assert.equal(JSON.parse(readFileSync(file, 'utf8')).result, 'failed')
  })

  it('check tells the project what it found', async () => {
    await millrace('check', 'contracts/flights.yaml', '--data', 'corrupted/2013-04.parquet', '--as-of', '2013-05-01')
    const outbox = await openProjectOutbox(project, parseConfig(projectConfigSchema, `project: test\nstorage: {folder: '${folder}'}\n`, 'millrace.yaml'))
    const events = await outbox.readOrWait(0, 100, 0)
    await outbox.close()
    const refused = events.find(({ data }) => 'passed' in data && !data.passed)
    assert.equal(refused?.type, 'dev.millrace.contract.checked')
    assert.equal(refused?.subject, 'contracts/flights.yaml')
  })

  it('check prints the report for machines', async () => {
    const { code, stdout } = await millrace('check', 'contracts/flights.yaml', '--data', 'source/flights/2013-04.parquet', '--as-of', '2013-05-01', '--json')
    assert.deepEqual([code, JSON.parse(stdout).rows], [0, 28_330])
  })

  it('check names a moment that is none', async () => {
    const { code, stderr } = await millrace('check', 'contracts/flights.yaml', '--data', 'x', '--as-of', 'yesterday')
    assert.equal(code, 64)
    assert.match(stderr, /--as-of: expected a moment such as 2013-04-01T04:00:00Z, found "yesterday"/)
  })

  it('validate tells how many checks a contract makes', async () => {
    const { code, stdout } = await millrace('validate', 'contracts/flights.yaml')
    assert.deepEqual([code, stdout], [0, 'contracts/flights.yaml is well-formed: flights 1.0.0, 100 checks of flights\n'])
  })

  it('validate names every fault with its place', async () => {
    const file = join(folder, 'bad.yaml')
    writeFileSync(file, 'apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1\nstatus: active\nschema: []\n')
    const { code, stderr } = await millrace('validate', file)
    assert.equal(code, 65)
    assert.ok(stderr.includes(`${file}:4:10: version: expected text, found 1`), stderr)
  })
})
