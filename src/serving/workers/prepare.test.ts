import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MillraceError } from '../../platform/errors/index.ts'
import type { PlacedVersion, WorkerTask } from './messages.ts'
import { prepareAll } from './prepare.ts'

const placed = (version: string): PlacedVersion => ({ model: 'delay', alias: 'champion', version, identity: version, folder: `/models/${version}`, options: {} })
const [NOW, NEXT] = [[placed('1')], [placed('2')]]

/** Says to `prepare` what it is given, and remembers what it was asked. */
function worker(preparing: () => Promise<unknown>) {
  const tasks: WorkerTask[] = []
  return {
    tasks,
    ask: (task: WorkerTask) => {
      tasks.push(task)
      return task.kind === 'prepare' ? preparing() : Promise.resolve()
    },
  }
}
const refusing = () => worker(() => Promise.reject(new MillraceError('MODEL_INVALID', 'not enough memory')))
const gone = () => worker(() => Promise.reject(new MillraceError('UNAVAILABLE', 'a worker of serving was killed')))
const prepared = { kind: 'prepare', placed: NEXT }
const letGo = { kind: 'commit', placed: NOW }

test('a version that one worker refuses is let go by those that have loaded it, also by one that is slower than the refusal', async () => {
  const slow = Promise.withResolvers<void>()
  const [refuser, quick, slower] = [refusing(), worker(async () => undefined), worker(() => slow.promise)]
  const done = prepareAll([refuser, quick, slower], { next: NEXT, now: NOW, giveUp: () => assert.fail('none is given up') })
  slow.resolve()
  await assert.rejects(done, { code: 'MODEL_INVALID', message: 'not enough memory' })
  for (const one of [refuser, quick, slower]) assert.deepEqual(one.tasks, [prepared, letGo])
})

test('a worker that dies meanwhile is given up, and is no reason to let the version go: it is tried again', async () => {
  const [dead, other] = [gone(), worker(async () => undefined)]
  const given: unknown[] = []
  await assert.rejects(prepareAll([dead, other], { next: NEXT, now: NOW, giveUp: (one) => given.push(one) }), { code: 'UNAVAILABLE' })
  assert.deepEqual(given, [dead])
  assert.deepEqual(other.tasks, [prepared])
})

test('a refusal counts where another worker dies too', async () => {
  const [dead, refuser, other] = [gone(), refusing(), worker(async () => undefined)]
  await assert.rejects(prepareAll([dead, refuser, other], { next: NEXT, now: NOW, giveUp: () => undefined }), { code: 'MODEL_INVALID' })
  assert.deepEqual(dead.tasks, [prepared])
  assert.deepEqual(other.tasks, [prepared, letGo])
})
