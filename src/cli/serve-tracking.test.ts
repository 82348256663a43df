import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { projectConfigSchema } from '../domain/config.ts'
import { parseConfig } from '../platform/config/index.ts'
import { type TrackingOptions, withTrackingOptions } from './serve-tracking.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-serve-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const main = join(import.meta.dirname, '..', 'main.ts')

const settings = (options: TrackingOptions) => {
  const { config, database } = withTrackingOptions(parseConfig(projectConfigSchema, 'project: test\n', 'millrace.yaml'), options)
  const { storage, http, services } = config
  return { database, folder: storage.folder, artifacts: storage.artifacts, root: storage.default_artifact_root, hosts: http.allowed_hosts, at: `${services.tracking.host}:${services.tracking.port}` }
}

const cases: readonly (readonly [string, TrackingOptions, Readonly<Record<string, unknown>>])[] = [
  ['nothing leaves the configuration', {}, { database: undefined, folder: '.millrace', artifacts: undefined, at: '127.0.0.1:5000' }],
  ['our names', { data: '/d', database: 'postgresql://h/n', artifacts: 's3://b/p', port: 1, host: '0.0.0.0' }, { folder: '/d', database: 'postgresql://h/n', artifacts: 's3://b/p', at: '0.0.0.0:1' }],
  ["MLflow's names", { backendStoreUri: 'postgresql+psycopg2://u:p@h/n', artifactsDestination: './a' }, { database: 'postgresql://u:p@h/n', artifacts: resolve('a') }],
  ['a SQLite file, absolute', { backendStoreUri: `sqlite:///${folder}/a.db` }, { database: `sqlite:${folder}/a.db` }],
  ['a SQLite file, relative', { backendStoreUri: 'sqlite:///a.db' }, { database: `sqlite:${resolve('a.db')}` }],
  ['a file URL for artifacts', { artifactsDestination: 'file:///a%20b' }, { artifacts: '/a b' }],
  ['an artifact root', { defaultArtifactRoot: 's3://bucket/root/' }, { root: 's3://bucket/root' }],
  ['hosts, without their ports; addresses are let in anyway', { allowedHosts: 'a.example:5000, b.example,10.0.0.1,192.168.*' }, { hosts: ['a.example', 'b.example'] }],
]
for (const [what, options, expected] of cases) {
  test(`serve tracking takes ${what}`, () => {
    const found = settings(options)
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(Reflect.get(found, key), value, key)
  })
}

const refused: readonly (readonly [string, TrackingOptions, RegExp])[] = [
  ['two names for one thing', { database: 'postgresql://a', backendStoreUri: 'postgresql://b' }, /--database and --backend-store-uri say the same/],
  ["MLflow's file store", { backendStoreUri: './mlruns' }, /found a folder.*millrace import mlflow/],
  ['another database, without its password', { backendStoreUri: 'mysql+pymysql://u:hunter2@h/n' }, /found mysql\+pymysql:\/\/…, expected postgresql/],
  ['an artifact root on clients’ own disks', { defaultArtifactRoot: './mlruns' }, /found a folder, expected mlflow-artifacts:/],
  ['artifacts in a store without a driver', { artifacts: 'gs://b' }, /expected a folder or s3/],
  ['patterns of hosts', { allowedHosts: 'app-*.example.com' }, /expected names in full/],
]
for (const [what, options, message] of refused) {
  test(`serve tracking refuses ${what}`, () => {
    assert.throws(() => settings(options), (error: Error & { code?: string }) => error.code === 'USAGE' && message.test(error.message) && !error.message.includes('hunter2'))
  })
}

test("serve tracking refuses MLflow's own database and says how to copy it", () => {
  const file = join(folder, 'mlflow.db')
  const database = new DatabaseSync(file)
  database.exec('create table alembic_version (version_num text)')
  database.close()
  assert.throws(() => settings({ backendStoreUri: `sqlite:///${file}` }), { code: 'USAGE', message: /millrace import mlflow sqlite:\/\/\// })
})

function millrace(...argv: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<{ status: number | null; errors: string }> } {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...argv], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (part: Buffer) => (errors += part.toString()))
  return { child, ended: new Promise((resolveEnd) => child.once('close', (status) => resolveEnd({ status, errors }))) }
}

test('serve tracking runs where there is no millrace.yaml, as the options of mlflow server say', async (t) => {
  const port = await new Promise<number>((resolvePort) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolvePort(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
  const { child, ended } = millrace('serve', 'tracking', '--host', '127.0.0.1', '--port', String(port), '--backend-store-uri', `sqlite:///${folder}/own/t.db`, '--artifacts-destination', join(folder, 'files'), '--data', join(folder, 'state'), '--serve-artifacts')
  t.after(() => child.kill('SIGKILL'))
  const url = `http://127.0.0.1:${port}`
  let health = ''
  for (let i = 0; i < 200 && health === ''; i++) {
    health = await fetch(`${url}/health`).then((answer) => answer.text(), () => new Promise<string>((later) => setTimeout(later, 50, '')))
  }
  assert.equal(health, 'OK')
  assert.equal((await fetch(`${url}/api/2.0/mlflow-artifacts/artifacts/a.txt`, { method: 'PUT', body: 'a' })).status, 200)
  assert.ok(existsSync(join(folder, 'own', 't.db')) && existsSync(join(folder, 'files', 'a.txt')))
  child.kill('SIGTERM')
  assert.equal((await ended).status, 0)
})

test('serve says plainly what has no meaning here, and where an option belongs', async () => {
  writeFileSync(join(folder, 'millrace.yaml'), 'project: test\n')
  const [workers, other] = await Promise.all([millrace('serve', 'tracking', '--workers', '4').ended, millrace('serve', 'gateway', '--port', '1').ended])
  assert.deepEqual([workers.status, other.status], [64, 64])
  assert.match(workers.errors, /USAGE: --workers has no meaning here: one process answers all requests/)
  assert.match(other.errors, /--port is for `serve tracking`/)
})
