import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { projectConfigSchema } from '../../src/domain/config.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { type TestService, startForTest } from '../../src/platform/service/testing.ts'
import { trackingService } from '../../src/training/index.ts'
import { type MlflowServer, startMlflow } from '../lib/mlflow-server.ts'
import { type PostgresServer, startPostgres } from '../lib/postgres.ts'
import { peersPython } from '../lib/python.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const WORLD = join(import.meta.dirname, 'world.py')
const folder = mkdtempSync(join(tmpdir(), 'millrace-moving-'))
after(() => rmSync(folder, { recursive: true, force: true }))

interface World {
  readonly experiments: Record<string, { created?: number }>
  readonly runs: Record<string, unknown>
  readonly models: Record<string, unknown>
  readonly registered: Record<string, unknown>
}

/** Not spawnSync: the services under test answer from this process. */
async function python(url: string, ...words: readonly string[]): Promise<string> {
  const env = { ...process.env, MLFLOW_TRACKING_URI: url, MLFLOW_DISABLE_TELEMETRY: 'true', GIT_PYTHON_REFRESH: 'quiet', TQDM_DISABLE: '1', MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR: 'false' }
  const child = spawn(peersPython(), [WORLD, ...words], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], env })
  let output = ''
  let errors = ''
  child.stdout.on('data', (part: Buffer) => (output += part.toString()))
  child.stderr.on('data', (part: Buffer) => (errors = (errors + part.toString()).slice(-4000)))
  const status = await new Promise((resolve) => child.once('close', resolve))
  assert.equal(status, 0, errors)
  return output
}

/** What MLflow's own client sees. The experiment that every server begins with was made when its server was. */
async function describeWorld(url: string, ...words: readonly string[]): Promise<World> {
  const world: World = JSON.parse((await python(url, 'describe', ...words)).split('\n').find((line) => line.startsWith('{')) ?? '{}')
  delete world.experiments['Default']?.created
  return world
}

async function ours(database = 'sqlite'): Promise<TestService> {
  const service = await startForTest(trackingService, parseConfig(projectConfigSchema, `project: test\nstorage: {database: "${database}"}\n`, 'millrace.yaml', {}))
  after(() => service.stop())
  return service
}

function millrace(...words: readonly string[]) {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...words], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (said += part.toString()))
  return { child, ended: new Promise<{ status: number | null; said: string }>((resolve) => child.once('close', (status) => resolve({ status, said }))) }
}

async function succeeds(...words: readonly string[]): Promise<string> {
  const { status, said } = await millrace(...words).ended
  assert.equal(status, 0, said)
  return said
}

describe('moving from a real MLflow server and back', () => {
  let mlflow: MlflowServer | undefined
  let postgres: PostgresServer | undefined
  let world: World | undefined
  let names: World | undefined
  before(async () => {
    postgres = await startPostgres()
    mlflow = await startMlflow()
    await python(mlflow.url, 'make')
    world = await describeWorld(mlflow.url)
    names = await describeWorld(mlflow.url, 'names')
    assert.ok(Object.keys(world.runs).length > 100 && Object.keys(world.models).length === 3 && Object.keys(world.registered).length === 3)
  })
  after(async () => {
    await mlflow?.stop()
    await postgres?.stop()
  })

  test('over REST, into SQLite: MLflow’s client sees the same world, ids and times included', async () => {
    const { url } = await ours()
    const said = await succeeds('import', 'mlflow', mlflow?.url ?? '', '--into', url)
    assert.match(said, /verified .*\n.*read back; all is as it was/)
    assert.deepEqual(await describeWorld(url), world)
    assert.match(await succeeds('import', 'mlflow', mlflow?.url ?? '', '--into', url, '--no-verify'), /copied {4}0 runs and 0 logged models/)
  })

  test('from its database, into PostgreSQL, killed with -9 again and again: the same', async () => {
    const { url } = await ours(postgres?.createDatabase('moved'))
    const words = ['import', 'mlflow', mlflow?.database ?? '', '--artifacts', join(dirname((mlflow?.database ?? '').slice('sqlite:///'.length)), 'artifacts'), '--into', url]
    for (let i = 0; i < 4; i++) {
      const { child, ended } = millrace(...words)
      const begun = new Promise((resolve) => child.stderr?.once('data', resolve))
      await Promise.race([begun, ended])
      await sleep(i * 150)
      child.kill('SIGKILL')
      await ended
    }
    assert.match(await succeeds(...words), /unchanged \d+ runs.*\n(.*\n)*.*all is as it was/)
    assert.deepEqual(await describeWorld(url), world)
  })

  test('and back to a real server that is empty: the same but for the ids that it chooses', async () => {
    const { url } = await ours()
    await succeeds('import', 'mlflow', mlflow?.url ?? '', '--into', url, '--no-verify')
    await mlflow?.stop()
    mlflow = await startMlflow()
    const killed = millrace('export', 'mlflow', mlflow.url, '--from', url)
    await new Promise((resolve) => killed.child.stderr?.once('data', resolve))
    await sleep(5000)
    killed.child.kill('SIGKILL')
    await killed.ended
    assert.match(await succeeds('export', 'mlflow', mlflow.url, '--from', url), /all is as it was/)
    assert.deepEqual(await describeWorld(mlflow.url, 'names'), names)
  })
})
