import { basename, resolve } from 'node:path'
import { ApiError } from '../../../../sdk/http.ts'
import type { FeatureBuilder } from '../../../domain/feature-builder.ts'
import { type ColumnSpec, type RowValidator, compileSignature } from '../../../domain/signature.ts'
import { MillraceError, errnoCode, errorMessage } from '../../../platform/errors/index.ts'
import type { Logger } from '../../../platform/log/index.ts'
import type { ModelArtifact } from '../artifact.ts'
import type { Slice } from '../batcher.ts'
import type { ModelInputs } from '../inputs.ts'
import type { Job, RowPredictor } from '../row-model.ts'
import { PYTHON_PROGRAM, pythonEnvironment } from './program.ts'
import { SideProcess } from './process.ts'

export interface PythonOptions {
  /** The interpreter, with mlflow and what the models need; undefined where none is configured. */
  readonly interpreter: string | undefined
  readonly log: Logger
}

type Row = Readonly<Record<string, unknown>>

/** A model of MLflow's `python_function` flavour: rows go to its process as they came, and a number for each comes back. Nothing of it is read, let alone unpickled, here. */
export class PythonModel implements RowPredictor {
  readonly place = 'process'
  readonly name: string
  readonly version: string
  readonly kind = 'regressor'
  readonly outputs = { kind: 'regressor' } as const
  readonly batch = Number.POSITIVE_INFINITY
  readonly inputs: ModelInputs
  readonly validate: RowValidator
  readonly columns: readonly ColumnSpec[]
  readonly #process: SideProcess

  private constructor(name: string, version: string, columns: readonly ColumnSpec[], side: SideProcess) {
    this.name = name
    this.version = version
    this.columns = columns
    this.validate = compileSignature(columns)
    this.inputs = { columns, known: columns.map((column) => column.name), builder: NO_FEATURES, sources: new Map(), held: new Map(), online: [], joinKey: null, offsets: [] }
    this.#process = side
  }

  /** Starts the process, and has it predict the row that the model was logged with. MODEL_INVALID says why the version cannot be served. */
  static async load(name: string, version: string, { folder, signature, features, example, python }: ModelArtifact, { interpreter, log }: PythonOptions): Promise<PythonModel> {
    if (interpreter === undefined) {
      throw new MillraceError('MODEL_INVALID', `the version is a Python model (${python}), and no interpreter is configured: set services.serving.python to one that has mlflow and what the model needs, or register the model as ONNX`)
    }
    if (signature === null) throw new MillraceError('MODEL_INVALID', `the version is a Python model (${python}) without a signature of columns: log it with one, so that requests can be checked`)
    if (features !== null) throw new MillraceError('MODEL_INVALID', 'the version is a Python model with a features.json, which only ONNX models may have')
    const environment = pythonEnvironment(process.env)
    const side = await SideProcess.start({ name: `${name} version ${version}`, command: [interpreter, '-c', PYTHON_PROGRAM, folder], environment, log })
    const model = new PythonModel(name, version, signature.inputs, side)
    try {
      if (example !== null && model.validate(example).length === 0) await model.predict([example])
      return model
    } catch (error) {
      await side.stop()
      throw new MillraceError('MODEL_INVALID', `the input example of the version: ${errorMessage(error)}`, { cause: error })
    }
  }

  async run(slices: readonly Slice<Job>[]): Promise<void> {
    const scores = await this.predict(slices.flatMap(({ job, from, to }) => job.request.rows.slice(from, to)))
    let at = 0
    for (const { job, from, to } of slices) {
      for (let row = from; row < to; row++, at++) {
        job.scores[row] = scores[at]!
        job.labels[row] = scores[at]!
      }
    }
  }

  /** INPUT_INVALID where MLflow refuses the rows, MODEL_NOT_READY where the process does not answer, PREDICTION_FAILED for what is no number. */
  async predict(rows: readonly Row[]): Promise<readonly number[]> {
    // An optional column that no row has is left out, as a caller of MLflow's would.
    const columns = this.columns.map((column) => column.name).filter((name) => rows.some((row) => row[name] !== undefined && row[name] !== null))
    const body = { dataframe_split: { columns, data: rows.map((row) => columns.map((name) => row[name] ?? null)) } }
    const answer = await this.#ask(body)
    const predictions: unknown = typeof answer === 'object' && answer !== null && 'predictions' in answer ? answer.predictions : undefined
    if (!Array.isArray(predictions) || predictions.length !== rows.length) {
      throw new MillraceError('PREDICTION_FAILED', `version ${this.version} of ${this.name} answered ${Array.isArray(predictions) ? predictions.length : 'no'} predictions for ${rows.length} rows`)
    }
    return predictions.map((prediction: unknown, row) => {
      const value = numberOf(prediction)
      if (value !== undefined) return value
      throw new MillraceError('PREDICTION_FAILED', `row ${row}: version ${this.version} of ${this.name} answered ${JSON.stringify(prediction).slice(0, 60)}, expected one finite number`)
    })
  }

  /** Of its process. */
  get bytes(): number {
    return this.#process.bytes
  }

  release(): Promise<void> {
    return this.#process.stop()
  }

  async #ask(body: unknown): Promise<unknown> {
    try {
      return await this.#process.transport.json<unknown>('POST', '/invocations', { body })
    } catch (error) {
      if (error instanceof ApiError) throw new MillraceError(error.status === 400 ? 'INPUT_INVALID' : 'PREDICTION_FAILED', `the model's Python process answered ${error.status}: ${error.message.slice(0, 1000)}`)
      if (error instanceof Error && error.name === 'TimeoutError') throw new MillraceError('TIMEOUT', `the model's Python process gave ${error.message}`, { cause: error })
      if (errnoCode(error) !== undefined) throw this.#process.notReady()
      throw error
    }
  }
}

/** One number, or the one column of a table of predictions. */
function numberOf(prediction: unknown): number | undefined {
  if (typeof prediction === 'number') return Number.isFinite(prediction) ? prediction : undefined
  if (typeof prediction === 'boolean') return Number(prediction)
  if (typeof prediction !== 'object' || prediction === null) return undefined
  const cells: readonly unknown[] = Object.values(prediction)
  return cells.length === 1 && typeof cells[0] !== 'object' ? numberOf(cells[0]) : undefined
}

/** The interpreter as configured: a path counts from the project, a bare name is looked up by the system. */
export function interpreterAt(projectFolder: string, configured: string | undefined): string | undefined {
  return configured === undefined || basename(configured) === configured ? configured : resolve(projectFolder, configured)
}

const NO_FEATURES: FeatureBuilder = {
  numeric: [],
  categorical: [],
  needsLookup: () => false,
  momentOf: () => Number.NaN,
  build: () => [],
  buildColumns: () => {
    throw new MillraceError('FEATURES_INVALID', 'a Python model has no feature engineering to run on tables')
  },
}
