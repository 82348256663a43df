import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { parse } from 'yaml'
import { parseFeatureSpec, type FeatureSpec } from '../../domain/feature-spec.ts'
import { compileSignature, signatureFromMlflow } from '../../domain/signature.ts'
import { DuckDb, literal } from '../../platform/duckdb/index.ts'
import { evaluateModel } from './evaluate-model.ts'
import { Random } from './random.ts'
import { trainModel, type TrainModelOptions } from './train-model.ts'
import { parseTreeParameters } from './trees/parameters.ts'

const spec: FeatureSpec = {
  format: 'millrace.features/1',
  service: 'late',
  inputs: [
    { name: 'at', type: 'datetime', required: true },
    { name: 'origin', type: 'string', required: true },
    { name: 'hhmm', type: 'long', required: true },
  ],
  entity: { name: 'airport', joinKey: 'origin' },
  moment: { column: 'at', plusMinutes: [], offsetMinutes: -60 },
  online: ['weather:temp', 'weather:gust'],
  numeric: [
    { name: 'minutes', transform: 'minutes_of_hhmm', of: ['hhmm'], fill: null },
    { name: 'temp', transform: 'passthrough', of: ['weather:temp'], fill: null },
    { name: 'gust', transform: 'passthrough', of: ['weather:gust'], fill: null },
  ],
  categorical: [{ name: 'origin', transform: 'passthrough', of: ['origin'] }],
}
const root = mkdtempSync(join(tmpdir(), 'millrace-train-'))
const features = join(root, 'features')

before(async () => {
  const random = new Random(5)
  const rows = Array.from({ length: 3000 }, (_, i) => {
    const [origin, hour, temp] = [['JFK', 'LGA', 'EWR'][random.below(3)]!, random.below(24), random.uniform() * 80]
    const score = (origin === 'EWR' ? 1 : 0) + (hour - 12) / 6 + (temp < 32 ? 1 : -1)
    const label = random.uniform() < 1 / (1 + Math.exp(-score)) ? 1 : 0
    const gust = random.uniform() < 0.5 ? null : random.uniform() * 30
    return { at: new Date(Date.UTC(2013, 0, 1, i)).toISOString(), origin, hhmm: hour * 100, weather__temp: i === 7 ? null : temp, weather__gust: gust, _label: label }
  })
  writeFileSync(join(root, 'rows.json'), rows.map((row) => JSON.stringify(row)).join('\n'))
  const database = await DuckDb.open()
  await database.run(`CREATE TABLE rows AS SELECT * REPLACE (CAST("at" AS TIMESTAMPTZ) AS "at"), CAST("at" AS TIMESTAMPTZ) AS _moment FROM read_json(${literal(join(root, 'rows.json'))})`)
  mkdirSync(features)
  await database.run(`COPY (FROM rows ORDER BY _moment LIMIT 2400) TO ${literal(join(features, 'train.parquet'))} (FORMAT parquet)`)
  await database.run(`COPY (FROM rows ORDER BY _moment OFFSET 2400) TO ${literal(join(features, 'test.parquet'))} (FORMAT parquet)`)
  database.close()
  writeFileSync(join(features, 'features.json'), JSON.stringify(spec))
})
after(() => rmSync(root, { recursive: true, force: true }))

const parameters = parseTreeParameters({ num_iterations: 60, num_leaves: 8, early_stopping_round: 20 })
const folders = (name: string) => ({ features, model: join(root, name, 'model'), holdout: join(root, name, 'holdout'), plots: join(root, name, 'plots') })
const train = (name: string, options: Partial<TrainModelOptions> = {}) => trainModel({ ...folders(name), parameters, shuffleLabels: false, ...options })
const evaluate = (name: string) => evaluateModel({ ...folders(name), metrics: join(root, name, 'metrics.json') })
const json = (...path: string[]): unknown => JSON.parse(readFileSync(join(root, ...path), 'utf8'))

test('a trained model is judged by ONNX Runtime as it was by the learner, and beats the base rate', async () => {
  const trained = await train('good')
  const metrics = await evaluate('good')
  assert.ok(Math.abs(metrics.auc - trained.holdout!.auc) < 1e-6)
  assert.ok(Math.abs(metrics.log_loss - trained.holdout!.log_loss) < 1e-6)
  assert.ok(metrics.auc > 0.75 && metrics.log_loss < metrics.base_rate_log_loss - 0.05, JSON.stringify(metrics))
  assert.ok(metrics.ece < 0.1 && metrics.latency_p99_ms > 0)
  assert.deepEqual(Object.keys(json('good', 'metrics.json') as object), Object.keys(metrics))
  assert.deepEqual(readdirSync(join(root, 'good', 'plots')).sort(), ['calibration.json', 'importance.json', 'roc.json', 'training.json'])
})

test('the folder holds all that a server and a monitor need', async () => {
  await train('folder')
  const folder = join(root, 'folder', 'model')
  assert.deepEqual(readdirSync(folder).sort(), ['MLmodel', 'features.json', 'input_example.json', 'model-card.md', 'model.onnx', 'reference.parquet'])
  const mlmodel: { signature: { inputs: string; outputs: string } } = parse(readFileSync(join(folder, 'MLmodel'), 'utf8'))
  const check = compileSignature(signatureFromMlflow(mlmodel.signature).inputs)
  const example = json('folder', 'model', 'input_example.json') as { columns: string[]; data: unknown[][] }
  for (const row of example.data) assert.deepEqual(check(Object.fromEntries(example.columns.map((column, i) => [column, row[i]]))), [])
  const recorded = parseFeatureSpec(readFileSync(join(folder, 'features.json'), 'utf8'))
  // One of 3,000 temperatures is missing: it is filled. Half the gusts are: the trees know what that means.
  assert.ok(recorded.numeric[1]!.fill! > 30 && recorded.numeric[1]!.fill! < 50)
  assert.equal(recorded.numeric[2]!.fill, null)
  const database = await DuckDb.open()
  const reference = await database.columns(`FROM read_parquet(${literal(join(folder, 'reference.parquet'))})`)
  database.close()
  assert.deepEqual(reference.names, ['minutes', 'temp', 'gust', 'origin', 'score'])
  assert.equal(reference.rows, 3000)
  assert.ok(reference.numbers('score').every((score) => score > 0 && score < 1))
  assert.match(readFileSync(join(folder, 'model-card.md'), 'utf8'), /# late\n[\s\S]*3000 labelled rows[\s\S]*\| AUC \| 0\.\d{4} \|/)
})

test('the same tables and parameters give the same files, byte by byte', async () => {
  await Promise.all([train('once'), train('twice')])
  for (const name of readdirSync(join(root, 'once', 'model'))) {
    assert.ok(readFileSync(join(root, 'once', 'model', name)).equals(readFileSync(join(root, 'twice', 'model', name))), name)
  }
})

test('a model of shuffled labels is no better than the base rate, and says what it is', async () => {
  await train('shuffled', { shuffleLabels: true })
  const metrics = await evaluate('shuffled')
  assert.ok(metrics.log_loss > metrics.base_rate_log_loss - 0.005, JSON.stringify(metrics))
  assert.match(readFileSync(join(root, 'shuffled', 'model', 'model-card.md'), 'utf8'), /shuffled on purpose/)
})

test('what is missing or broken is named', async () => {
  await assert.rejects(train('none', { features: join(root, 'nowhere') }), { code: 'NOT_FOUND', message: /nowhere\/features\.json, which `millrace features build` writes/ })
  await train('broken')
  writeFileSync(join(root, 'broken', 'model', 'model.onnx'), 'this is no ONNX')
  await assert.rejects(evaluate('broken'), { code: 'MODEL_INVALID', message: /broken\/model\/model\.onnx/ })
})
