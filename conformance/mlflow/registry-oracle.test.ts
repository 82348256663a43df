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

/** What came of one call: a value, an error's code, or an exception of the client's own. */
interface Outcome {
  readonly call: string
  readonly ok?: unknown
  readonly error?: string
  readonly message?: string
}

/** Where we answer otherwise on purpose, and why. Whatever is not here is the same. */
const ON_PURPOSE: readonly (readonly [RegExp, string])[] = [
  [/get_model_version_download_uri\("m", "2"\)|get-download-uri/, 'a runs:/ source is followed to where the files are, which saves every reader a request'],
  [/"(Archived|None)", archive_existing_versions=True/, 'a wrong parameter is 400; MLflow answers 500'],
  [/IS (NOT )?NULL/, 'tags may be asked for presence; MLflow answers 500'],
  [/by \['name', 'name/, 'the same order twice is 400; MLflow answers 500'],
  [/create \[\]/, 'a body that is no object is 400; MLflow answers 500 with a page'],
  [/search (models|versions) '(creation_timestamp|last_updated_timestamp) > 0'|search models by \['creation_timestamp ASC'\]/, 'times may be searched and ordered by'],
  [/search (models|versions) "?'?(attributes\.|`name`)/, 'attributes. and backticks, as in searches of runs'],
  [/search models "name = 's-a' AND"/, 'an AND too many is refused'],
  [/search models, (0|-1) at most/, 'a page of less than one is refused, as in searches of versions'],
  [/search versions by \['(run_id ASC|source_path ASC)/, 'versions may be ordered by run and source'],
  [/"stages": "Production"\}$/, 'one stage may stand alone, as in a query'],
  [/"version": 1[,}]|"archive_existing_versions": "true"/, "numbers and truth values in the forms of protobuf's JSON mapping"],
]

async function play(url: string): Promise<readonly Outcome[]> {
  const { stdout } = await promisify(execFile)(peersPython(), [join(import.meta.dirname, 'registry_calls.py')], {
    env: { ...process.env, MLFLOW_TRACKING_URI: url, MLFLOW_HTTP_REQUEST_MAX_RETRIES: '1', MLFLOW_DISABLE_TELEMETRY: 'true', GIT_PYTHON_REFRESH: 'quiet', PYTHONDONTWRITEBYTECODE: '1' },
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout.split('\n').flatMap((line): Outcome[] => (line.startsWith('{"call"') ? [JSON.parse(line)] : []))
}

/** Messages are ours: they say more. Codes, statuses and values are what clients act on. */
function withoutMessages(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutMessages)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).flatMap(([key, item]) => (key === 'message' ? [] : [[key, withoutMessages(item)]])))
}

test('every call of the registry does on our server what it does on MLflow’s own', async (t) => {
  const theirs = await startMlflow()
  t.after(theirs.stop)
  const ours = await startForTest(trackingService, parseConfig(projectConfigSchema, 'project: test\n', 'millrace.yaml', {}))
  t.after(() => ours.stop())
  const expected = await play(theirs.url)
  await theirs.stop()
  const found = await play(ours.url)
  assert.ok(expected.length > 350, `only ${expected.length} calls were played`)
  assert.deepEqual(found.map(({ call }) => call), expected.map(({ call }) => call))
  const unused = new Set(ON_PURPOSE)
  for (const [i, outcome] of expected.entries()) {
    const other = found[i]
    const same = JSON.stringify(withoutMessages(outcome)) === JSON.stringify(withoutMessages(other))
    const deviation = ON_PURPOSE.find(([pattern]) => pattern.test(outcome.call))
    if (!same && deviation !== undefined) unused.delete(deviation)
    if (!same && deviation === undefined) await t.test(outcome.call, () => assert.deepEqual(other, outcome))
  }
  assert.deepEqual([...unused].map(([pattern]) => pattern.source), [], 'no longer differ, so the list must say so no more')
})
