import { basename, resolve } from 'node:path'
import { ApiError } from '../../../../sdk/http.ts'
import type { FeatureBuilder } from '../../../domain/feature-builder.ts'
import { type ColumnSpec, type RowValidator, compileSignature } from '../../../domain/signature.ts'
import { MillraceError, errnoCode, errorMessage } from '../../../platform/errors/index.ts'
import type { Logger } from '../../../platform/log/index.ts'
import type { ModelArtifact } from '../artifact.ts'
import type { Slice } from '../batcher.ts'
import type { ModelInputs } from '../inputs.ts'
import type { OtherOutputs } from '../other-outputs.ts'
import { NUMBER_ANSWERS } from '../outputs.ts'
import type { Job, RowPredictor } from '../row-model.ts'
import { sampleRow } from '../sample.ts'
import type { TensorSpec } from '../tensor/spec.ts'
import { JsonPart, asTensors, joinAnswers, numberOf } from './answer.ts'
import { PYTHON_PROGRAM, pythonEnvironment } from './program.ts'
import { SideProcess } from './process.ts'

export interface PythonOptions {
  /** The interpreter, with mlflow and what the models need; undefined where none is configured. */
  readonly interpreter: string | undefined
  readonly log: Logger
}

type Row = Readonly<Record<string, unknown>>

/** A model of MLflow's `python_function` flavour: rows go to its process as they came, and what comes back is passed on: a number for each is its score. Nothing of it is read, let alone unpickled, here. */
export class PythonModel implements RowPredictor {
  readonly place = 'process'
  readonly name: string
  readonly version: string
  readonly signed = true
  /** What its answers may be only they themselves say. */
  readonly mayAnswerOther = true
  readonly batch = Number.POSITIVE_INFINITY
  readonly batchAlone = Number.MAX_SAFE_INTEGER
  readonly inputs: ModelInputs
  readonly validate: RowValidator
  readonly columns: readonly ColumnSpec[]
  readonly #process: SideProcess
  #kind: 'regressor' | 'other' = 'regressor'
  #answers: readonly TensorSpec[] = NUMBER_ANSWERS
  #together = true

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
      if (example !== null && model.validate(example).length === 0) model.#learn(await model.#predict([example]))
      else await model.#tryNeutral()
      return model
    } catch (error) {
      await side.stop()
      throw new MillraceError('MODEL_INVALID', `the input example of the version: ${errorMessage(error)}`, { cause: error })
    }
  }

  get kind(): 'regressor' | 'other' {
    return this.#kind
  }

  get answers(): readonly TensorSpec[] {
    return this.#answers
  }

  get together(): boolean {
    return this.#together
  }

  /** What the metadata say of the answers is what the first of them showed. */
  #learn(answer: JsonPart['answer']): void {
    if ('rows' in answer && answer.rows.every((row) => numberOf(row) !== undefined)) return
    this.#kind = 'other'
    this.#answers = [...asTensors('rows' in answer ? answer.rows : answer.whole)].map(([name, { datatype, shape }]) => ({ name, datatype, shape: [-1, ...shape.slice(1)] }))
  }

  /** Nobody said that the model takes such a row: what it makes of it is no fault. */
  async #tryNeutral(): Promise<void> {
    try {
      this.#learn(await this.#predict([sampleRow(this, null)]))
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
    }
  }

  async run(slices: readonly Slice<Job>[], rows: number): Promise<void> {
    const answer = await this.#predict(slices.flatMap(({ job, from, to }) => job.request.rows.slice(from, to)), slices[0]?.job.request.params)
    if ('whole' in answer) {
      const [only] = slices
      if (!only || slices.length > 1 || only.job.rows !== rows) throw this.#failed(`what has no value for each of ${rows} rows`)
      only.job.scores.fill(Number.NaN)
      only.job.parts?.push(new JsonPart(answer))
      return
    }
    let at = 0
    for (const { job, from, to } of slices) {
      job.parts?.push(new JsonPart({ rows: answer.rows.slice(at, at + to - from) }))
      for (let row = from; row < to; row++) job.scores[row] = numberOf(answer.rows[at++]) ?? Number.NaN
      if (job.labels instanceof Float64Array) job.labels.set(job.scores.subarray(from, to), from)
    }
  }

  makeLabels(rows: number): Float64Array {
    return new Float64Array(rows)
  }

  otherOutputs({ scores, parts }: Job): OtherOutputs | null {
    return parts && scores.some(Number.isNaN) ? joinAnswers(parts) : null
  }

  /** INPUT_INVALID where MLflow refuses the rows, MODEL_NOT_READY where the process does not answer, PREDICTION_FAILED for what are no predictions. */
  async #predict(rows: readonly Row[], params?: Row): Promise<JsonPart['answer']> {
    // An optional column that no row has is left out, as a caller of MLflow's would.
    const columns = this.columns.map((column) => column.name).filter((name) => rows.some((row) => row[name] !== undefined && row[name] !== null))
    const body = { dataframe_split: { columns, data: rows.map((row) => columns.map((name) => row[name] ?? null)) }, ...(params ? { params } : {}) }
    const answer = await this.#ask(body)
    const predictions: unknown = typeof answer === 'object' && answer !== null && 'predictions' in answer ? answer.predictions : undefined
    if (predictions === undefined) throw this.#failed('no predictions')
    if (Array.isArray(predictions) && predictions.length === rows.length) return { rows: predictions }
    this.#together = false
    return { whole: predictions }
  }

  #failed(what: string): MillraceError {
    return new MillraceError('PREDICTION_FAILED', `version ${this.version} of ${this.name} answered ${what}`)
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
