/** A model folder that `millrace features build` and `millrace train` made of January, in the hands of MLflow, ONNX's checker and Python's ONNX Runtime. */
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { buildFeatures } from '../../src/data/features/build.ts'
import { readDefinitions } from '../../src/data/features/parse.ts'
import { trainModel } from '../../src/training/learners/train-model.ts'
import { parseTreeParameters } from '../../src/training/learners/trees/parameters.ts'
import { runChecks } from '../lib/python.ts'

const example = fileURLToPath(new URL('../../examples/flights', import.meta.url))

test('a model folder is MLflow’s and ONNX’s', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'millrace-model-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  mkdirSync(join(root, 'data/raw/flights'), { recursive: true })
  copyFileSync(join(example, 'source/flights/2013-01.parquet'), join(root, 'data/raw/flights/2013-01.parquet'))
  cpSync(join(example, 'source/weather.parquet'), join(root, 'data/raw/weather.parquet'))
  const definitions = readDefinitions(join(example, 'features'))
  const [features, model] = [join(root, 'features'), join(root, 'model')]
  await buildFeatures(definitions, definitions.services.get('flight-delay')!, { root, out: features, sample: 0.3, holdoutDays: 7 })
  const parameters = parseTreeParameters({ num_iterations: 40 })
  await trainModel({ features, model, holdout: join(root, 'holdout'), plots: join(root, 'plots'), parameters, shuffleLabels: false })
  await runChecks(t, join(import.meta.dirname, 'folder.py'), { MODEL_FOLDER: model, MLFLOW_DISABLE_TELEMETRY: 'true', GIT_PYTHON_REFRESH: 'quiet' })
})
