import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { projectConfigSchema } from '../../src/domain/config.ts'
import { parseConfig } from '../../src/platform/config/index.ts'
import { startForTest } from '../../src/platform/service/testing.ts'
import { trackingService } from '../../src/training/index.ts'
import { startMlflow } from '../lib/mlflow-server.ts'
import { peersPython } from '../lib/python.ts'

/** A call and what it answered, apart from messages. */
interface Line {
  readonly call: string
  readonly status: number
  readonly answer: unknown
}

/** Where we answer otherwise on purpose, and why. Whatever is not here is the same. */
const ON_PURPOSE: readonly (readonly [RegExp, string])[] = [
  [/"strange": true/, 'a value that is no number is refused; MLflow stores 0'],
  [/metrics\/get-history \{.*"0{32}"/, 'a run that is not there is 404; MLflow answers without points'],
  [/"order_by": \["metrics\.m", "metrics\.m"\]/, 'the same order twice is 400; MLflow answers 500'],
  [/"status": "ASLEEP"/, 'a status that is none is refused; MLflow passes over it'],
  [/^PATCH logged-models\/\{M\}\/tags/, 'the model comes back with its tags; MLflow answers with nothing'],
  [/"filter": "status = 'READY'"/, 'a logged model is found by its status; MLflow finds none'],
  [/execution_time_ms = 'x'/, 'a number is compared with numbers only; MLflow finds nothing'],
  [/^GET nothing/, 'what does not exist says so in JSON; MLflow sends a page'],
]

async function play(url: string): Promise<readonly Line[]> {
  const { stdout } = await promisify(execFile)(peersPython(), [join(import.meta.dirname, 'tracking_calls.py')], {
    env: { ...process.env, MLFLOW_TRACKING_URI: url, PYTHONDONTWRITEBYTECODE: '1' },
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout.split('\n').flatMap((line): Line[] => (line.startsWith('{"call"') ? [JSON.parse(line)] : []))
}

test('calls of experiments, runs, metrics, logged models and traces do on our server what they do on MLflow’s own', async (t) => {
  const theirs = await startMlflow()
  t.after(theirs.stop)
  const expected = await play(theirs.url)
  await theirs.stop()
  const ours = await startForTest(trackingService, parseConfig(projectConfigSchema, 'project: test\n', 'millrace.yaml', {}))
  t.after(() => ours.stop())
  const found = await play(ours.url)
  assert.ok(expected.length > 190, `only ${expected.length} calls were played`)
  assert.deepEqual(found.map(({ call }) => call), expected.map(({ call }) => call))
  const unused = new Set(ON_PURPOSE)
  for (const [i, line] of expected.entries()) {
    const other = found[i]
    if (JSON.stringify(line) === JSON.stringify(other)) continue
    const deviation = ON_PURPOSE.find(([pattern]) => pattern.test(line.call))
    if (deviation === undefined) await t.test(line.call, () => assert.deepEqual(other, line))
    else unused.delete(deviation)
  }
  assert.deepEqual([...unused].map(([pattern]) => pattern.source), [], 'no longer differ, so the list must say so no more')
})
