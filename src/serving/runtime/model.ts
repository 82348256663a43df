import { statSync } from 'node:fs'
import type { InferenceSession } from 'onnxruntime-node'
import { type RowValidator, compileSignature } from '../../domain/signature.ts'
import { MillraceError, errnoCode, errorMessage } from '../../platform/errors/index.ts'
import { readArtifact } from './artifact.ts'
import type { Job, Slice } from './batcher.ts'
import { type ModelInputs, bindInputs } from './inputs.ts'
import { type OutputPlan, planOutputs } from './outputs.ts'
import { type InputTensor, type TensorFiller, createFiller, describeInput } from './tensors.ts'

const WARM_RUNS = 3

/** A model version in memory: its session, and all that was compiled from its artifact. Used until `retire`, released when nobody uses it any more. */
export class LoadedModel {
  readonly name: string
  readonly version: string
  readonly inputs: ModelInputs
  readonly validate: RowValidator
  readonly outputs: OutputPlan
  readonly tensors: readonly InputTensor[]
  /** Rows of one run at most. */
  readonly batch: number
  readonly #session: InferenceSession
  readonly #fillers: readonly TensorFiller[]
  #numeric = new Float64Array(0)
  #users = 0
  #retired = false

  private constructor(name: string, version: string, session: InferenceSession, inputs: ModelInputs, fillers: readonly TensorFiller[]) {
    this.name = name
    this.version = version
    this.inputs = inputs
    this.validate = compileSignature(inputs.columns)
    this.outputs = planOutputs(session.outputMetadata)
    this.tensors = fillers.map(({ input }) => input)
    this.batch = Math.min(...this.tensors.map((tensor) => tensor.batch))
    this.#session = session
    this.#fillers = fillers
  }

  /** Loads the folder, warms the session and checks that it answers a row with a finite number. MODEL_INVALID says why it cannot be served. */
  static async load(name: string, version: string, folder: string): Promise<LoadedModel> {
    const artifact = readArtifact(folder)
    const session = await openSession(artifact.onnxFile)
    try {
      const { Tensor } = await import('onnxruntime-node')
      const tensors = session.inputMetadata.map(describeInput)
      const inputs = bindInputs(artifact, tensors)
      const { numeric, categorical } = inputs.builder
      const fillers = tensors.map((tensor, i) =>
        createFiller(tensor, inputs.offsets[i] ?? 0, tensor.type === 'string' ? categorical.length : numeric.length, Tensor),
      )
      const model = new LoadedModel(name, version, session, inputs, fillers)
      await model.#check(artifact.example)
      return model
    } catch (error) {
      await session.release()
      if (error instanceof MillraceError) throw error
      throw new MillraceError('MODEL_INVALID', errorMessage(error), { cause: error })
    }
  }

  get users(): number {
    return this.#users
  }

  acquire(): void {
    this.#users++
  }

  release(): void {
    this.#users--
    if (this.#retired && this.#users === 0) void this.#session.release()
  }

  /** No new request will use it: the session goes when the last one has ended. */
  retire(): void {
    if (this.#retired) return
    this.#retired = true
    if (this.#users === 0) void this.#session.release()
  }

  /** Predicts all slices as one batch. Never two at a time: the tensors' memory is used again. */
  async run(slices: readonly Slice<Job>[], rows: number): Promise<void> {
    const { numeric, categorical } = this.inputs.builder
    const values = this.#gatherNumbers(slices, rows, numeric.length)
    const strings = gatherStrings(slices, categorical.length)
    const feeds: Record<string, InferenceSession.OnnxValueMapType[string]> = {}
    for (const filler of this.#fillers) feeds[filler.input.name] = filler.tensor(values, strings, rows)
    const results = await this.#session.run(feeds, this.outputs.fetch)
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

  async #check(example: Readonly<Record<string, unknown>> | null): Promise<void> {
    const { columns, builder } = this.inputs
    const row: Readonly<Record<string, unknown>> =
      example !== null && this.validate(example).length === 0 ? example : Object.fromEntries(columns.map((column) => [column.name, neutral(column.type)]))
    const numeric = new Float64Array(builder.numeric.length)
    const categorical = builder.categorical.map(() => '')
    builder.build(row, undefined, numeric, 0, categorical, 0)
    const job: Job = { rows: 1, numeric, categorical, scores: new Float64Array(1), labels: new Float64Array(1), settle: () => undefined }
    for (let i = 0; i < WARM_RUNS; i++) await this.run([{ job, from: 0, to: 1 }], 1)
    const [score = Number.NaN] = job.scores
    if (this.outputs.kind === 'classifier' && (score < 0 || score > 1)) {
      throw new MillraceError('MODEL_INVALID', `the probability of the input example is ${score}, expected 0 … 1`)
    }
  }
}

async function openSession(file: string): Promise<InferenceSession> {
  try {
    const bytes = statSync(file).size
    if (bytes === 0) throw new MillraceError('MODEL_INVALID', `${file} is empty`)
    const { InferenceSession: Session } = await import('onnxruntime-node')
    return await Session.create(file, { intraOpNumThreads: 1, interOpNumThreads: 1, graphOptimizationLevel: 'all', logSeverityLevel: 3 })
  } catch (error) {
    if (error instanceof MillraceError) throw error
    const name = file.split('/').at(-1)
    const message = errnoCode(error) === 'ENOENT' ? `the version has no file ${name}, and only ONNX models are served` : `${name} is not a model that ONNX Runtime can load: ${errorMessage(error)}`
    throw new MillraceError('MODEL_INVALID', message, { cause: error })
  }
}

function gatherStrings(slices: readonly Slice<Job>[], width: number): readonly string[] {
  const only = slices.length === 1 ? slices[0] : undefined
  if (only && only.from === 0 && only.to === only.job.rows) return only.job.categorical
  const strings: string[] = []
  if (width > 0) for (const { job, from, to } of slices) for (let i = from * width; i < to * width; i++) strings.push(job.categorical[i]!)
  return strings
}

function neutral(type: string): unknown {
  switch (type) {
    case 'string':
      return ''
    case 'boolean':
      return false
    case 'datetime':
      return '2013-01-01T00:00:00Z'
    default:
      return 0
  }
}
