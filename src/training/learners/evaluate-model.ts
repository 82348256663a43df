import { readFileSync } from 'node:fs'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { rocCurve } from '../../domain/curves.ts'
import { parseFeatureSpec, type FeatureSpec } from '../../domain/feature-spec.ts'
import { baseRate, calibrationBins } from '../../domain/metrics.ts'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import { writeFileDurable } from '../../platform/fs/index.ts'
import { importOnnxRuntime } from '../../platform/onnxruntime.ts'
import { evaluateScores, type Evaluation } from './evaluation.ts'
import { readTrainingTable, type TrainingTable } from './table.ts'
import { writePlot } from './train-model.ts'

export interface EvaluateModelOptions {
  /** Folder with `train.parquet` and `test.parquet`. */
  readonly features: string
  /** Folder of the model to be served. */
  readonly model: string
  /** Folder of its twin that has not seen the test rows. */
  readonly holdout: string
  readonly metrics: string
  /** Folder for `roc.json` and `calibration.json`. */
  readonly plots: string
}

export type ModelMetrics = Evaluation & {
  readonly latency_p50_ms: number
  readonly latency_p99_ms: number
  readonly model_bytes: number
}

const BATCH = 4096
const WARM_UP = 50
const TIMED = 500

/** Judges the ONNX files themselves, run as serving runs them: quality on the held-out rows by the twin, latency of one row by the model. */
export async function evaluateModel(options: EvaluateModelOptions): Promise<ModelMetrics> {
  const testFile = join(options.features, 'test.parquet')
  const twin = await openModel(options.holdout)
  const test = filled(await readTrainingTable(testFile, twin.spec), twin.spec)
  if (test.rows === 0) throw new MillraceError('LEARNER_INVALID', `${testFile}: no rows are held out, so nothing can be judged; set features.holdout_days above 0`)
  const training = await readTrainingTable(join(options.features, 'train.parquet'), { ...twin.spec, numeric: [], categorical: [] })
  const scores = await scoreAll(twin, test)
  const served = await openModel(options.model)
  const latencies = await timeRows(served, filled(test, served.spec))
  const metrics: ModelMetrics = {
    ...evaluateScores(scores, test.labels, baseRate(training.labels)),
    latency_p50_ms: quantile(latencies, 0.5),
    latency_p99_ms: quantile(latencies, 0.99),
    model_bytes: served.bytes,
  }
  await Promise.all([twin.session.release(), served.session.release()])
  writePlot(join(options.plots, 'roc.json'), rocCurve(scores, test.labels))
  writePlot(join(options.plots, 'calibration.json'), calibrationBins(scores, test.labels))
  mkdirSync(dirname(options.metrics), { recursive: true })
  // An undefined metric (AUC of one class) is left out rather than written as null: a gate then misses it, instead of comparing with nothing.
  const defined = Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value)))
  writeFileDurable(options.metrics, `${JSON.stringify(defined, null, 2)}\n`)
  return metrics
}

interface OpenModel {
  readonly spec: FeatureSpec
  readonly session: InferenceSession
  readonly tensor: typeof Tensor
  readonly bytes: number
}

async function openModel(folder: string): Promise<OpenModel> {
  const { InferenceSession, Tensor } = await importOnnxRuntime()
  const file = join(folder, 'model.onnx')
  try {
    const bytes = readFileSync(file)
    const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, interOpNumThreads: 1 })
    const specFile = join(folder, 'features.json')
    return { spec: parseFeatureSpec(readFileSync(specFile, 'utf8'), specFile), session, tensor: Tensor, bytes: bytes.length }
  } catch (error) {
    if (error instanceof MillraceError) throw error
    throw new MillraceError('MODEL_INVALID', `${file}: ${errorMessage(error)}`, { cause: error })
  }
}

function filled(table: TrainingTable, spec: FeatureSpec): TrainingTable {
  return {
    ...table,
    numeric: table.numeric.map((column, i) => {
      const fill = spec.numeric[i]?.fill ?? null
      return fill === null ? column : column.map((value) => (Number.isNaN(value) ? fill : value))
    }),
  }
}

async function scoreAll(model: OpenModel, table: TrainingTable): Promise<Float64Array> {
  const scores = new Float64Array(table.rows)
  for (let start = 0; start < table.rows; start += BATCH) {
    const end = Math.min(table.rows, start + BATCH)
    scores.set(await scoreRows(model, table, start, end), start)
  }
  return scores
}

async function scoreRows({ session, tensor: TensorOf }: OpenModel, table: TrainingTable, start: number, end: number): Promise<Float64Array> {
  const rows = end - start
  const feeds: Record<string, Tensor> = {}
  const width = table.numeric.length
  if (width > 0) {
    const values = new Float32Array(rows * width)
    for (let i = 0; i < rows * width; i++) values[i] = table.numeric[i % width]![start + Math.floor(i / width)]!
    feeds['numeric'] = new TensorOf('float32', values, [rows, width])
  }
  const categories = table.categorical.length
  if (categories > 0) {
    const values = Array.from({ length: rows * categories }, (_, i) => table.categorical[i % categories]![start + Math.floor(i / categories)] ?? '')
    feeds['categorical'] = new TensorOf('string', values, [rows, categories])
  }
  const { probabilities } = await session.run(feeds, ['probabilities'])
  const data: unknown = probabilities?.data
  if (!(data instanceof Float32Array)) throw new MillraceError('MODEL_INVALID', 'the model has no output `probabilities` of floats')
  return Float64Array.from({ length: rows }, (_, row) => data[row * 2 + 1]!)
}

/** Milliseconds of single rows, ascending. */
async function timeRows(model: OpenModel, table: TrainingTable): Promise<Float64Array> {
  const times = new Float64Array(TIMED)
  for (let i = -WARM_UP; i < TIMED; i++) {
    const row = (i + WARM_UP) % table.rows
    const started = performance.now()
    await scoreRows(model, table, row, row + 1)
    if (i >= 0) times[i] = performance.now() - started
  }
  return times.sort()
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
}
