import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { fullFeatureName, signatureInputs, type FeatureSpec } from '../../domain/feature-spec.ts'
import { signatureToMlflow, type Signature } from '../../domain/signature.ts'
import { DuckDb, identifier, literal } from '../../platform/duckdb/index.ts'
import { writeFileDurable } from '../../platform/fs/index.ts'
import { classifierToOnnx, scoreTable, type Classifier } from './classifier.ts'
import { selectRows, type TrainingTable } from './table.ts'

/** The version of MLflow's model layout (MLmodel) that we write. */
const MLFLOW_VERSION = '3.17.2'
const REFERENCE_ROWS = 10_000
const EXAMPLE_ROWS = 3

/** Moments of prediction of the first and last training row, milliseconds. */
export type Period = readonly [first: number, last: number]

/** The model itself and how to feed it: `model.onnx` and `features.json`. */
export function writeScorer(folder: string, classifier: Classifier): void {
  mkdirSync(folder, { recursive: true })
  writeFileDurable(join(folder, 'model.onnx'), classifierToOnnx(classifier))
  writeFileDurable(join(folder, 'features.json'), `${JSON.stringify(classifier.spec, null, 2)}\n`)
}

/**
 * A model as MLflow lays it out (https://mlflow.org/docs/latest/ml/model/): MLmodel with the flavours `onnx`, which `mlflow.onnx.load_model` reads,
 * and `millrace`; `input_example.json`; `reference.parquet`, at most 10,000 training rows as model inputs with the model's own `score`, against which
 * the monitor measures drift. The same model gives the same bytes, whenever it is written.
 */
export async function writeModelFolder(folder: string, classifier: Classifier, table: TrainingTable, source: string, card: string, period: Period): Promise<void> {
  writeScorer(folder, classifier)
  const { spec } = classifier
  const database = await DuckDb.open()
  try {
    await database.writeParquet(join(folder, 'reference.parquet'), referenceColumns(classifier, table))
    writeFileDurable(join(folder, 'input_example.json'), `${JSON.stringify(await inputExample(database, spec, source))}\n`)
  } finally {
    database.close()
  }
  writeFileDurable(join(folder, 'model-card.md'), card)
  writeFileDurable(join(folder, 'MLmodel'), mlmodel(classifier, period))
}

export function signatureOf(spec: FeatureSpec): Signature {
  return {
    inputs: signatureInputs(spec),
    outputs: [
      { name: 'label', type: 'long', required: true },
      { name: 'probability', type: 'double', required: true },
    ],
  }
}

function mlmodel(classifier: Classifier, [first, last]: Period): string {
  const window = { from: new Date(first).toISOString(), to: new Date(last).toISOString() }
  return stringify(
    {
      artifact_path: 'model',
      flavors: {
        onnx: { code: null, data: 'model.onnx', onnx_session_options: null, onnx_version: '1.17.0', providers: ['CPUExecutionProvider'] },
        millrace: { data: 'model.onnx', features: 'features.json', reference: 'reference.parquet', training_window: window },
      },
      mlflow_version: MLFLOW_VERSION,
      model_uuid: createHash('sha256').update(classifierToOnnx(classifier)).digest('hex').slice(0, 32),
      saved_input_example_info: { artifact_path: 'input_example.json', pandas_orient: 'split', type: 'dataframe' },
      signature: signatureToMlflow(signatureOf(classifier.spec)),
    },
    { lineWidth: 0, nullStr: 'null' },
  )
}

function referenceColumns(classifier: Classifier, table: TrainingTable): Map<string, Float32Array | Float64Array | readonly (string | null)[]> {
  // Evenly over the file, which is in order of time.
  const count = Math.min(REFERENCE_ROWS, table.rows)
  const rows = Int32Array.from({ length: count }, (_, i) => Math.floor((i * table.rows) / count))
  const chosen = selectRows(table, rows)
  const { spec } = classifier
  return new Map<string, Float32Array | Float64Array | readonly (string | null)[]>([
    ...spec.numeric.map((input, i) => [input.name, chosen.numeric[i]!] as const),
    ...spec.categorical.map((input, i) => [input.name, chosen.categorical[i]!] as const),
    ['score', scoreTable(classifier, chosen)],
  ])
}

/** Raw rows with the features of the store, in the form that MLflow calls dataframe_split. */
async function inputExample(database: DuckDb, spec: FeatureSpec, source: string): Promise<{ columns: string[]; data: (string | number | boolean | null)[][] }> {
  const columns = [...spec.inputs, ...spec.online.map((reference) => ({ name: fullFeatureName(reference), type: 'unknown' }))]
  const types = new Map(signatureInputs(spec).map((column) => [column.name, column.type]))
  const query = columns.map(({ name }) => {
    const type = types.get(name)
    const column = identifier(name)
    if (type === 'datetime') return `strftime(CAST(${column} AS TIMESTAMPTZ), '%Y-%m-%dT%H:%M:%SZ') AS ${column}`
    return `CAST(${column} AS ${type === 'string' ? 'VARCHAR' : 'DOUBLE'}) AS ${column}`
  })
  const table = await database.columns(`SELECT ${query.join(', ')} FROM read_parquet(${literal(source)}) LIMIT ${EXAMPLE_ROWS}`)
  const values = columns.map(({ name }) => {
    const type = types.get(name)
    if (type === 'datetime' || type === 'string') return table.strings(name)
    const numbers = Array.from(table.numbers(name), (value) => (Number.isNaN(value) ? null : value))
    return type === 'boolean' ? numbers.map((value) => (value === null ? null : value === 1)) : numbers
  })
  return { columns: columns.map(({ name }) => name), data: Array.from({ length: table.rows }, (_, row) => values.map((column) => column[row] ?? null)) }
}
