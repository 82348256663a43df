import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { controlClient } from '../../../../sdk/control.ts'
import { ApiError, createTransport } from '../../../../sdk/http.ts'
import { pipelinesClient } from '../../../../sdk/pipelines.ts'
import type { MillraceEvent } from '../../../api/events.ts'
import { projectConfigSchema } from '../../../domain/config.ts'
import { parseConfig } from '../../../platform/config/index.ts'
import { type TestService, startForTest } from '../../../platform/service/testing.ts'
import { openProjectOutbox } from '../project-outbox.ts'
import { type FakeTracking, startFakeTracking } from '../track/fake-tracking.ts'
import { pipelinesService } from './index.ts'
import { PREPARE, ended, pipelineProject, reach } from './testing.ts'

let tracking: FakeTracking
before(async () => {
  tracking = await startFakeTracking()
})
after(() => tracking.close())

const configFor = () => parseConfig(projectConfigSchema, `project: test\nservices: {tracking: {url: "${tracking.url}"}}\n`, 'millrace.yaml')

async function withService(
  projectFolder: string,
  work: (client: ReturnType<typeof pipelinesClient>, service: TestService, restart: () => Promise<ReturnType<typeof pipelinesClient>>) => Promise<void>,
): Promise<void> {
  let service = await startForTest(pipelinesService, configFor(), { projectFolder })
  const client = () => pipelinesClient(createTransport(service.url))
  try {
    await work(client(), service, async () => {
      await service.stop()
      service = await startForTest(pipelinesService, configFor(), { projectFolder })
      return client()
    })
  } finally {
    await service.stop()
  }
}

const eventsOf = async (service: TestService): Promise<readonly MillraceEvent[]> =>
  (await createTransport(service.url).json<{ events: readonly MillraceEvent[] }>('GET', '/-/outbox')).events
const git = (folder: string, ...args: string[]): string => execFileSync('git', args, { cwd: folder, encoding: 'utf8' }).trim()

/** They are removed once the end of the execution is on disk. */
async function noWorktrees(folder: string): Promise<void> {
  const gone = (): boolean => readdirSync(join(folder, '.millrace/pipelines/worktrees')).length === 0 && git(folder, 'worktree', 'list').split('\n').length === 1
  for (let attempt = 0; attempt < 250 && !gone(); attempt++) await sleep(20)
  assert.ok(gone(), 'the worktree is removed')
}

test('an execution runs the committed pipeline, logs the run, registers the version and commits what came out', async () => {
  const { project, commit, md5 } = pipelineProject()
  writeFileSync(join(project.root, 'params.yaml'), 'the user is in the middle of editing\n')
  writeFileSync(join(project.root, 'untracked.txt'), 'and has notes\n')
  const statusBefore = git(project.root, 'status', '--porcelain')
  await withService(project.root, async (client, service) => {
    const started = await client.start({ key: 'first', model: 'm1', reason: 'drift', params: { 'train.lr': 0.25, 'train.extra.depth': 3 } })
    assert.equal(started.commit, commit)
    const done = await reach(client, started.execution_id, ended)
    assert.deepEqual(
      { ...done, stages: done.stages.map(({ name, state }) => [name, state]), created_at: null, started_at: null, ended_at: null, result_commit: null, run_id: null },
      {
        execution_id: started.execution_id, key: 'first', model: 'm1', reason: 'drift', state: 'finished', commit, result_commit: null, data: { 'data/raw': md5 },
        stages: [['prepare', 'finished'], ['train', 'finished']], run_id: null, version: '1', unchanged: null, error: null, created_at: null, started_at: null, ended_at: null,
      },
    )

    const run = tracking.runs.find(({ info }) => info.run_id === done.run_id)
    assert.equal(run?.info.status, 'FINISHED')
    assert.deepEqual(run?.params, new Map([['train.lr', '0.25'], ['train.extra.depth', '3']]))
    const metrics = [...(run?.metrics.values() ?? [])].map(({ key, step, value }) => `${key}@${step}=${String(value)}`)
    assert.deepEqual(metrics.sort(), ['auc@0=0.75', 'holdout.rows@0=10', 'training/train@1=0.7', 'training/train@2=0.6'])
    assert.equal(run?.tags.get('millrace.execution_id'), done.execution_id)
    assert.equal(run?.tags.get('mlflow.source.git.commit'), commit)
    assert.equal(run?.tags.get('millrace.data.data/raw'), md5)
    const artifacts = [...tracking.artifacts.keys()].filter((path) => path.startsWith(`${done.run_id}/`)).sort()
    const expected = ['dvc.lock', 'dvc.yaml', 'metrics.json', 'model/MLmodel', 'model/features.json', 'model/model.bin', 'params.yaml', 'plots/training.json']
    assert.deepEqual(artifacts, expected.map((path) => `${done.run_id}/${path}`))
    assert.equal(tracking.artifacts.get(`${done.run_id}/model/model.bin`)?.toString(), 'HELLO 0.25')
    const version = tracking.versions.find(({ name }) => name === 'm1')
    assert.equal(version?.source, `${run?.info.artifact_uri}/model`)
    const tags = new Map(version?.tags.map(({ key, value }) => [key, value]))
    assert.equal(tags.get('millrace.features'), 'weather:temp')
    assert.equal(tags.get('millrace.result_commit'), done.result_commit)

    assert.equal(git(project.root, 'rev-parse', `millrace/executions/${done.execution_id}`), done.result_commit)
    assert.equal(git(project.root, 'rev-parse', `${done.result_commit}^`), commit)
    assert.match(git(project.root, 'show', `${done.result_commit}:params.yaml`), /lr: 0.25/)
    assert.deepEqual(git(project.root, 'show', '--name-only', '--format=', String(done.result_commit)).split('\n'), ['.gitignore', 'dvc.lock', 'metrics.json', 'params.yaml', 'plots/training.json'])
    assert.equal(git(project.root, 'rev-parse', 'HEAD'), commit, "the user's branch stays")
    assert.equal(git(project.root, 'status', '--porcelain'), statusBefore, "the user's files stay")
    await noWorktrees(project.root)

    assert.match(await client.log(done.execution_id), /prepared[^]*trained with lr 0.25/)
    const events = await eventsOf(service)
    assert.deepEqual(events.map(({ type }) => type), ['dev.millrace.execution.started', 'dev.millrace.execution.finished'])
    assert.equal(JSON.stringify(events[1]?.data).includes(`"run_id":"${done.run_id}","version":"1","commit":"${done.result_commit}"`), true)
  })
})

test('a key starts one execution, and executions run one after the other', async () => {
  const { project } = pipelineProject()
  await withService(project.root, async (client, service) => {
    const post = (body: unknown) => fetch(`${service.url}/executions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    const request = { key: 'k', model: 'm2', reason: 'schedule' }
    const answers = await Promise.all([post(request), post(request)])
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 201])
    const second = await client.start({ ...request, key: 'k2' })
    const { waiting_for: waiting } = await controlClient(createTransport(service.url)).watermark()
    assert.ok(waiting.some((what) => what.includes(second.execution_id)))
    const done = await reach(client, second.execution_id, ended)
    const [newest, first] = await client.list({ model: 'm2' })
    assert.equal(newest?.execution_id, second.execution_id)
    assert.equal(first?.state, 'finished')
    assert.ok(Date.parse(first?.ended_at ?? '') <= Date.parse(done.started_at ?? ''))
    assert.deepEqual(done.stages.map(({ state }) => state), ['restored', 'restored'], 'nothing had changed')
    assert.deepEqual([first?.version, done.version], ['1', '2'])
    assert.equal((await post(request)).status, 200)
    assert.equal((await client.list()).length, 2)
    assert.deepEqual((await controlClient(createTransport(service.url)).watermark()).waiting_for, [])
  })
})

test('an execution that makes the model of the version that answers registers nothing and says so', async () => {
  const { project } = pipelineProject()
  await withService(project.root, async (client, service) => {
    const run = async (key: string, params = {}) => reach(client, (await client.start({ key, model: 'same', reason: 'drift', params })).execution_id, ended)
    const first = await run('first')
    tracking.aliases.set('same@champion', '1')
    const same = await run('same')
    assert.deepEqual([same.state, same.error, same.version, same.unchanged, first.unchanged], ['finished', null, null, '1', null])
    assert.equal(tracking.runs.some(({ info }) => info.run_id === same.run_id), true, 'its run is logged')
    assert.match(await client.log(same.execution_id), /the same model as version 1 of same, which answers already: nothing was registered/)
    assert.deepEqual((await eventsOf(service)).at(-1)?.data, {
      execution_id: same.execution_id, model: 'same', run_id: same.run_id, version: null, commit: same.result_commit, unchanged: '1',
      stages: same.stages.map(({ name, seconds }) => ({ name, seconds, cached: true })),
    })
    const other = await run('other', { 'train.lr': 0.5 })
    assert.deepEqual([other.version, other.unchanged], ['2', null])
    tracking.aliases.set('same@champion', '2')
    assert.deepEqual((await run('back')).version, '3', 'what answered before is not what answers')
  })
})

test('a stage that fails ends the execution with its last words; a broken contract is called one', async () => {
  const broken = "console.log('looking'); console.error('boom at line 7'); process.exit(3)\n"
  const { project } = pipelineProject({ 'prepare.cjs': broken })
  await withService(project.root, async (client, service) => {
    const failed = await reach(client, (await client.start({ key: 'f', model: 'm3', reason: 'drift' })).execution_id, ended)
    assert.equal(failed.state, 'failed')
    assert.match(failed.error ?? '', /stage prepare .*ended with exit code 3:\nboom at line 7/)
    assert.deepEqual(failed.stages.map(({ name, state }) => [name, state]), [['prepare', 'failed'], ['train', 'waiting']])
    assert.equal(tracking.versions.some(({ name }) => name === 'm3'), false)
    const last = (await eventsOf(service)).at(-1)
    assert.deepEqual([last?.type, last?.data], ['dev.millrace.execution.failed', { execution_id: failed.execution_id, stage: 'prepare', reason: failed.error }])
    await noWorktrees(project.root)
  })
  const refused = pipelineProject({ 'prepare.cjs': "console.error('millrace: CONTRACT_VIOLATED: data/raw breaks 2 rules of contracts/a.yaml'); process.exit(65)\n" })
  await withService(refused.project.root, async (client) => {
    const failed = await reach(client, (await client.start({ key: 'f', model: 'm3', reason: 'drift' })).execution_id, ended)
    assert.equal(failed.error, 'stage prepare: CONTRACT_VIOLATED: data/raw breaks 2 rules of contracts/a.yaml')
  })
})

test('a service that is stopped in the middle of a stage goes on with the same execution when it is started again', async () => {
  // The stage waits for a file, which only appears after the restart.
  const slow = `${PREPARE}const { appendFileSync, existsSync } = require('node:fs')\nappendFileSync(process.env.FLAGS + '.prepared', 'x')\n`
  const waiting = "const fs = require('node:fs'); fs.appendFileSync(process.env.FLAGS + '.begun', 'x'); while (!fs.existsSync(process.env.FLAGS)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)\n"
  const { project } = pipelineProject({ 'prepare.cjs': slow })
  const flags = join(project.root, '.git', 'flag')
  const train = readFileSync(join(project.root, 'train.cjs'), 'utf8')
  writeFileSync(join(project.root, 'train.cjs'), `${waiting}${train}`)
  git(project.root, '-c', 'user.name=t', '-c', 'user.email=t@localhost', 'commit', '--quiet', '-am', 'wait')
  process.env.FLAGS = flags
  try {
    await withService(project.root, async (client, _service, restart) => {
      const { execution_id: id } = await client.start({ key: 's', model: 'm4', reason: 'drift' })
      await reach(client, id, () => existsSync(`${flags}.begun`))
      const again = await restart()
      writeFileSync(flags, '')
      const done = await reach(again, id, ended)
      assert.equal(done.error, null)
      assert.deepEqual(done.stages.map(({ name, state }) => [name, state]), [['prepare', 'finished'], ['train', 'finished']])
      assert.equal(readFileSync(`${flags}.prepared`, 'utf8'), 'x', 'the stage that was locked did not run again')
      assert.equal(readFileSync(`${flags}.begun`, 'utf8'), 'xx')
      assert.equal(tracking.versions.filter(({ name }) => name === 'm4').length, 1)
    })
  } finally {
    delete process.env.FLAGS
  }
})

test('an execution waits for a tracking service that is away, and fails where it refuses', async () => {
  const { project } = pipelineProject()
  await withService(project.root, async (client) => {
    tracking.away = true
    const { execution_id: id } = await client.start({ key: 'away', model: 'm5', reason: 'drift' })
    await reach(client, id, ({ result_commit: commit }) => commit !== null)
    assert.equal((await client.get(id)).state, 'running')
    tracking.away = false
    assert.equal((await reach(client, id, ended)).version, '1')
  })
  const modelless = pipelineProject({ 'train.cjs': readFileSync(join(project.root, 'train.cjs'), 'utf8').replace('model/MLmodel', 'model/other') })
  await withService(modelless.project.root, async (client) => {
    const failed = await reach(client, (await client.start({ key: 'none', model: 'm5', reason: 'drift' })).execution_id, ended)
    assert.match(failed.error ?? '', /PIPELINE_OUTPUT_MISSING: there is no model to register as m5/)
  })
})

test('what is asked wrongly is refused by name', async () => {
  const { project } = pipelineProject()
  await withService(project.root, async (client, service) => {
    const refused = async (promise: Promise<unknown>, status: number, message: RegExp): Promise<void> => {
      await assert.rejects(promise, (error: unknown) => error instanceof ApiError && error.status === status && message.test(error.message))
    }
    await refused(client.start({ key: 'x', model: 'm', reason: '', commit: 'no-such-branch' }), 404, /"no-such-branch" is no commit/)
    await refused(client.get('nobody'), 404, /no execution "nobody"/)
    await refused(client.log('../../../etc/passwd'), 404, /no execution/)
    await refused(createTransport(service.url).json('POST', '/executions', { body: { model: 'm', reason: '' } }), 400, /key/)
    const unknown = await reach(client, (await client.start({ key: 't', model: 'm', reason: '', targets: ['nonsense'] })).execution_id, ended)
    assert.match(unknown.error ?? '', /PIPELINE_STAGE_UNKNOWN: nonsense/)
  })
})

test("the project's own outbox is handed out, whoever writes to it", async () => {
  const { project } = pipelineProject()
  await withService(project.root, async (_client, service) => {
    const outbox = await openProjectOutbox(project.root, configFor())
    await outbox.emit('dev.millrace.dataset.versioned', 'data/raw', { path: 'data/raw', md5: 'a'.repeat(32), size: 1 })
    const { events } = await createTransport(service.url).json<{ events: readonly MillraceEvent[] }>('GET', '/-/outbox/project', { query: { after: 0, wait: 5 } })
    assert.deepEqual(events.map(({ source, seq, subject }) => [source, seq, subject]), [['/project', 1, 'data/raw']])
    await outbox.close()
  })
})
