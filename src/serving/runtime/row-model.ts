import type { InferenceSession } from 'onnxruntime-node'
import { type ColumnSpec, type RowValidator, compileSignature } from '../../domain/signature.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { ModelArtifact } from './artifact.ts'
import type { BatchJob, Slice } from './batcher.ts'
import { type ModelInputs, bindInputs } from './inputs.ts'
import { onnxRuntime } from './onnx.ts'
import { type ModelKind, type OutputPlan, planOutputs } from './outputs.ts'
import { runFailure } from './run-failure.ts'
import { sampleRow } from './sample.ts'
import type { ModelSession } from './session/port.ts'
import { type InputTensor, type TensorFiller, createFiller, describeInput } from './tensors.ts'

const WARM_RUNS = 3

type Row = Readonly<Record<string, unknown>>

/** A model as rows of columns in, a score for each out. */
export interface RowPredictor {
  readonly name: string
  readonly version: string
  readonly inputs: ModelInputs
  readonly columns: readonly ColumnSpec[]
  readonly kind: ModelKind
  readonly outputs: Pick<OutputPlan, 'kind'>
  readonly validate: RowValidator
  /** Rows of one run at most. */
  readonly batch: number
  /** Predicts all slices as one batch, into their jobs. Never two at a time. */
  run(slices: readonly Slice<Job>[], rows: number): Promise<void>
}

/** Rows of one request, encoded, and what comes out. */
export interface Job extends BatchJob {
  /** The rows as they came. */
  readonly request: { readonly rows: readonly Row[] }
  /** `rows` × the model's numeric columns; likewise the categorical ones. */
  readonly numeric: Float64Array
  readonly categorical: readonly string[]
  readonly scores: Float64Array
  readonly labels: Float64Array
}

/** A model as rows of columns in, a score for each out: what features, monitoring and the loop know. */
export class RowModel implements RowPredictor {
  readonly name: string
  readonly version: string
  readonly inputs: ModelInputs
  readonly validate: RowValidator
  readonly outputs: OutputPlan
  readonly tensors: readonly InputTensor[]
  /** Rows of one run at most. */
  readonly batch: number
  readonly #session: ModelSession
  readonly #fillers: readonly TensorFiller[]
  #numeric = new Float64Array(0)

  private constructor(name: string, version: string, session: ModelSession, inputs: ModelInputs, fillers: readonly TensorFiller[]) {
    this.name = name
    this.version = version
    this.inputs = inputs
    this.validate = compileSignature(inputs.columns)
    this.outputs = planOutputs(session.outputMetadata)
    this.tensors = fillers.map(({ input }) => input)
    this.batch = Math.min(session.maxRows, ...this.tensors.map((tensor) => tensor.batch))
    this.#session = session
    this.#fillers = fillers
  }

  /** MODEL_INVALID says why the model cannot be asked by rows. */
  static async bind(name: string, version: string, session: ModelSession, artifact: ModelArtifact): Promise<RowModel> {
    const { Tensor } = await onnxRuntime()
    const tensors = session.inputMetadata.map(describeInput)
    const inputs = bindInputs(artifact, tensors)
    const { numeric, categorical } = inputs.builder
    const fillers = tensors.map((tensor, i) =>
      createFiller(tensor, inputs.offsets[i] ?? 0, tensor.type === 'string' ? categorical.length : numeric.length, Tensor),
    )
    return new RowModel(name, version, session, inputs, fillers)
  }

  get columns(): readonly ColumnSpec[] {
    return this.inputs.columns
  }

  get kind(): ModelKind {
    return this.outputs.kind
  }

  /** Predicts all slices as one batch. Never two at a time: the tensors' memory is used again. INPUT_INVALID or PREDICTION_FAILED with the runtime's words; see `runFailure`. */
  async run(slices: readonly Slice<Job>[], rows: number): Promise<void> {
    const { numeric, categorical } = this.inputs.builder
    const values = this.#gatherNumbers(slices, rows, numeric.length)
    const strings = gatherStrings(slices, categorical.length)
    const feeds: Record<string, InferenceSession.OnnxValueMapType[string]> = {}
    for (const filler of this.#fillers) feeds[filler.input.name] = filler.tensor(values, strings, rows)
    const results = await this.#ask(feeds)
    const only = slices.length === 1 ? slices[0] : undefined
    if (only) {
      this.outputs.read(results, rows, only.job.scores, only.job.labels, only.from)
    } else {
      const scores = new Float64Array(rows)
      const labels = new Float64Array(rows)
      this.outputs.read(results, rows, scores, labels, 0)
      let at = 0
      for (const { job, from, to } of slices) {
        for (let row = from; row < to; row++, at++) {
          job.scores[row] = scores[at]!
          job.labels[row] = labels[at]!
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

  /** Warms the session and checks that it answers a row with a finite number, a classifier with a probability. */
  async check(example: Readonly<Record<string, unknown>> | null): Promise<void> {
    const { builder } = this.inputs
    const row = sampleRow(this, example)
    const numeric = new Float64Array(builder.numeric.length)
    const categorical = builder.categorical.map(() => '')
    builder.build(row, undefined, numeric, 0, categorical, 0)
    const job: Job = { request: { rows: [row] }, rows: 1, numeric, categorical, scores: new Float64Array(1), labels: new Float64Array(1), settle: () => undefined }
    for (let i = 0; i < WARM_RUNS; i++) await this.run([{ job, from: 0, to: 1 }], 1)
    const [score = Number.NaN] = job.scores
    if (this.outputs.kind === 'classifier' && (score < 0 || score > 1)) {
      throw new MillraceError('MODEL_INVALID', `the probability of the input example is ${score}, expected 0 … 1`)
    }
  }
}

function gatherStrings(slices: readonly Slice<Job>[], width: number): readonly string[] {
  const only = slices.length === 1 ? slices[0] : undefined
  if (only && only.from === 0 && only.to === only.job.rows) return only.job.categorical
  const strings: string[] = []
  if (width > 0) for (const { job, from, to } of slices) for (let i = from * width; i < to * width; i++) strings.push(job.categorical[i]!)
  return strings
}
