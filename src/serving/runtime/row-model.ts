import { readFile } from 'node:fs/promises'
import type { InferenceSession } from 'onnxruntime-node'
import { type ColumnSpec, type RowValidator, compileSignature } from '../../domain/signature.ts'
import { MillraceError, toMillraceError } from '../../platform/errors/index.ts'
import type { ModelArtifact } from './artifact.ts'
import type { BatchJob, Slice } from './batcher.ts'
import { type ModelInputs, bindInputs } from './inputs.ts'
import { onnxRuntime } from './onnx.ts'
import { type OtherOutputs, type OutputClasses, type OutputPart, TensorPart, assemble, share } from './other-outputs.ts'
import { type Labels, type ModelKind, type OutputPlan, planOutputs } from './outputs.ts'
import { runFailure } from './run-failure.ts'
import { exampleRow, sampleRow } from './sample.ts'
import type { ModelSession } from './session/port.ts'
import { tensorsOf } from './tensor/session.ts'
import type { TensorSpec } from './tensor/spec.ts'
import { type InputTensor, type TensorFiller, createFiller, describeInput } from './tensors.ts'
import { zipMapClasses } from './zipmap.ts'

const WARM_RUNS = 3

type Row = Readonly<Record<string, unknown>>

/** A model as rows of columns in; out comes a score for each, or what else the model answers. */
export interface RowPredictor {
  readonly name: string
  readonly version: string
  readonly inputs: ModelInputs
  readonly columns: readonly ColumnSpec[]
  /** Whether a signature has the columns, rather than the shapes of the ONNX inputs. */
  readonly signed: boolean
  readonly kind: ModelKind
  /** What the Open Inference Protocol gives to one who asks by rows. */
  readonly answers: readonly TensorSpec[]
  /** Whether it may answer other than a score for each row: then a job has `parts`. */
  readonly mayAnswerOther: boolean
  readonly validate: RowValidator
  /** Rows of one run at most. */
  readonly batch: number
  /** False where what comes out cannot be told apart by rows, or may not be: then each request is run by itself, and whole. */
  readonly together: boolean
  /** Rows of such a run at most: all, but for a model whose first axis is fixed. */
  readonly batchAlone: number
  makeLabels(rows: number): Labels
  /** Predicts all slices as one batch, into their jobs. Never two at a time. */
  run(slices: readonly Slice<Job>[], rows: number): Promise<void>
  /** What a job was answered that has run whole; null where that is a score for each row. */
  otherOutputs(job: Job): OtherOutputs | null
}

/** Rows of one request, encoded, and what comes out. */
export interface Job extends BatchJob {
  /** The rows as they came. */
  readonly request: { readonly rows: readonly Row[]; readonly params?: Row | undefined }
  /** `rows` × the model's numeric columns; likewise the categorical ones. */
  readonly numeric: Float64Array
  readonly categorical: readonly string[]
  /** NaN for a row that was answered otherwise. */
  readonly scores: Float64Array
  readonly labels: Labels
  /** Of each run that held rows of this job, in order; null where the model answers scores. */
  readonly parts: OutputPart[] | null
}

/** An ONNX model as rows of columns in, a score for each out: what features, monitoring and the loop know; or its own outputs. */
export class RowModel implements RowPredictor {
  readonly name: string
  readonly version: string
  readonly inputs: ModelInputs
  readonly validate: RowValidator
  readonly outputs: OutputPlan
  readonly signed: boolean
  readonly tensors: readonly InputTensor[]
  /** Rows of one run at most. */
  readonly batch: number
  readonly batchAlone: number
  readonly #session: ModelSession
  readonly #fillers: readonly TensorFiller[]
  readonly #classes: OutputClasses
  /** Outputs that have no row for each row asked; until that was tried, all that are not read as scores. */
  #whole: ReadonlySet<string>
  #numeric = new Float64Array(0)

  private constructor(name: string, version: string, session: ModelSession, { inputs, fillers, outputs, signed, classes }: Bound) {
    this.name = name
    this.version = version
    this.inputs = inputs
    this.validate = compileSignature(inputs.columns)
    this.outputs = outputs
    this.signed = signed
    this.#classes = classes
    this.#whole = new Set(outputs.kind === 'other' ? outputs.fetch : [])
    this.tensors = fillers.map(({ input }) => input)
    this.batchAlone = Math.min(Number.MAX_SAFE_INTEGER, ...this.tensors.map((tensor) => tensor.batch))
    this.batch = Math.min(session.maxRows, this.batchAlone)
    this.#session = session
    this.#fillers = fillers
  }

  /** MODEL_INVALID says why the model cannot be asked by rows. */
  static async bind(name: string, version: string, session: ModelSession, artifact: ModelArtifact): Promise<RowModel> {
    const { Tensor } = await onnxRuntime()
    const columns = session.inputMetadata.length === 1 ? artifact.signature?.inputs.length : undefined
    const tensors = session.inputMetadata.map((meta) => describeInput(meta, columns))
    const inputs = bindInputs(artifact, tensors)
    const { numeric, categorical } = inputs.builder
    const fillers = tensors.map((tensor, i) =>
      createFiller(tensor, inputs.offsets[i] ?? 0, tensor.type === 'string' ? categorical.length : numeric.length, Tensor),
    )
    const outputs = planOutputs(session.outputMetadata, artifact.features === null)
    const classes = outputs.kind === 'other' ? zipMapClasses(await readFile(artifact.onnxFile)) : new Map<string, readonly string[]>()
    return new RowModel(name, version, session, { inputs, fillers, outputs, signed: artifact.signature !== null || artifact.features !== null, classes })
  }

  get columns(): readonly ColumnSpec[] {
    return this.inputs.columns
  }

  get kind(): ModelKind {
    return this.outputs.kind
  }

  get answers(): readonly TensorSpec[] {
    return this.outputs.answers
  }

  get mayAnswerOther(): boolean {
    return this.outputs.kind === 'other'
  }

  get together(): boolean {
    // That the first axis of other outputs is one of rows only a signature of columns says.
    return this.#whole.size === 0 && (this.signed || this.kind !== 'other')
  }

  makeLabels(rows: number): Labels {
    return this.outputs.kind === 'other' ? [] : this.outputs.makeLabels(rows)
  }

  otherOutputs(job: Job): OtherOutputs | null {
    return job.parts && assemble(job, this.outputs.answers, { asRecords: this.together, classes: this.#classes })
  }

  /** Predicts all slices as one batch. Never two at a time: the tensors' memory is used again. INPUT_INVALID or PREDICTION_FAILED with the runtime's words; see `runFailure`. */
  async run(slices: readonly Slice<Job>[], rows: number): Promise<void> {
    const { numeric, categorical } = this.inputs.builder
    const values = this.#gatherNumbers(slices, rows, numeric.length)
    const strings = gatherStrings(slices, categorical.length)
    const feeds: Record<string, InferenceSession.OnnxValueMapType[string]> = {}
    for (const filler of this.#fillers) feeds[filler.input.name] = filler.tensor(values, strings, rows)
    const { outputs } = this
    const results = await this.#ask(feeds)
    if (outputs.kind === 'other') return share(tensorsOf(results, outputs.fetch), slices, rows, this.#whole)
    const only = slices.length === 1 ? slices[0] : undefined
    if (only) {
      outputs.read(results, rows, only.job.scores, only.job.labels, only.from)
    } else {
      const scores = new Float64Array(rows)
      const labels = outputs.makeLabels(rows)
      outputs.read(results, rows, scores, labels, 0)
      let at = 0
      for (const { job, from, to } of slices) {
        for (let row = from; row < to; row++, at++) {
          job.scores[row] = scores[at]!
          copyLabel(job.labels, row, labels, at)
        }
      }
    }
    for (const { job, from, to } of slices) {
      for (let row = from; row < to; row++) {
        if (!Number.isFinite(job.scores[row])) {
          throw new MillraceError('PREDICTION_FAILED', `row ${row}: version ${this.version} of ${this.name} answered ${job.scores[row]}`)
        }
      }
    }
  }

  async #ask(feeds: InferenceSession.OnnxValueMapType): Promise<InferenceSession.OnnxValueMapType> {
    try {
      return await this.#session.run(feeds, this.outputs.fetch)
    } catch (error) {
      throw runFailure(error)
    }
  }

  #gatherNumbers(slices: readonly Slice<Job>[], rows: number, width: number): Float64Array {
    const only = slices.length === 1 ? slices[0] : undefined
    if (only) return only.job.numeric.subarray(only.from * width, only.to * width)
    if (this.#numeric.length < rows * width) this.#numeric = new Float64Array(rows * width * 2)
    let at = 0
    for (const { job, from, to } of slices) {
      for (let i = from * width; i < to * width; i++) this.#numeric[at++] = job.numeric[i]!
    }
    return this.#numeric
  }

  /**
   * Warms the session and checks that it answers a row with a finite number, a classifier with a probability. A row that was made up of nothings may be none that the model can run on (an
   * encoder that knows its categories alone): that says nothing of the model, where it is plain that it takes rows.
   */
  async check(example: Readonly<Record<string, unknown>> | null): Promise<void> {
    const own = exampleRow(this, example)
    const row = own ?? sampleRow(this, null)
    try {
      await this.#checkOn(row)
    } catch (error) {
      const plain = this.signed || this.kind !== 'other'
      if (own !== null || !plain || toMillraceError(error).code !== 'INPUT_INVALID') throw error
    }
  }

  async #checkOn(row: Row): Promise<void> {
    for (let i = 0; i < WARM_RUNS; i++) {
      const { scores } = await this.#tryRow(row, 1)
      const [score = Number.NaN] = scores
      if (this.kind === 'classifier' && (score < 0 || score > 1)) throw new MillraceError('MODEL_INVALID', `the probability of the input example is ${score}, expected 0 … 1`)
    }
    if (this.kind === 'other') this.#whole = await this.#wholeOutputs(row)
  }

  async #tryRow(row: Row, rows: number): Promise<Job> {
    const { builder } = this.inputs
    const numeric = new Float64Array(rows * builder.numeric.length)
    const categorical = Array.from({ length: rows * builder.categorical.length }, () => '')
    for (let i = 0; i < rows; i++) builder.build(row, undefined, numeric, i * builder.numeric.length, categorical, i * builder.categorical.length)
    const job: Job = {
      request: { rows: Array.from({ length: rows }, () => row) },
      rows,
      numeric,
      categorical,
      scores: new Float64Array(rows),
      labels: this.makeLabels(rows),
      parts: this.mayAnswerOther ? [] : null,
      settle: () => undefined,
    }
    await this.run([{ job, from: 0, to: rows }], rows)
    return job
  }

  /** Shapes may say too little: one row, and two, are asked. */
  async #wholeOutputs(row: Row): Promise<ReadonlySet<string>> {
    const whole = new Set<string>()
    for (let rows = 1; rows <= Math.min(this.batch, 2); rows++) {
      const { parts } = await this.#tryRow(row, rows)
      for (const part of parts ?? []) if (part instanceof TensorPart) for (const [name, { shape }] of part.tensors) if (shape[0] !== rows) whole.add(name)
    }
    return whole
  }
}

interface Bound {
  readonly inputs: ModelInputs
  readonly fillers: readonly TensorFiller[]
  readonly outputs: OutputPlan
  readonly signed: boolean
  readonly classes: OutputClasses
}

function copyLabel(to: Labels, at: number, from: Labels, index: number): void {
  if (to instanceof Float64Array) to[at] = Number(from[index])
  else to[at] = String(from[index])
}

function gatherStrings(slices: readonly Slice<Job>[], width: number): readonly string[] {
  const only = slices.length === 1 ? slices[0] : undefined
  if (only && only.from === 0 && only.to === only.job.rows) return only.job.categorical
  const strings: string[] = []
  if (width > 0) for (const { job, from, to } of slices) for (let i = from * width; i < to * width; i++) strings.push(job.categorical[i]!)
  return strings
}
