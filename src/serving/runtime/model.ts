import type { JournalRecord } from '../../api/serving.ts'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import type { ModelArtifact } from './artifact.ts'
import { giveWay } from './give-way.ts'
import { RowModel, type RowPredictor } from './row-model.ts'
import { openModelSession } from './session/open.ts'
import type { ModelSession, Place, RunPlace } from './session/port.ts'
import { PythonModel, type PythonOptions } from './side/row-model.ts'
import type { Provider } from './session/messages.ts'
import { type TensorInterface, type TensorMap, interfaceOf, runSession } from './tensor/session.ts'
import { warmRows, warmTensors } from './warm.ts'

export interface LoadOptions {
  /** The model's file where no MLmodel names one; `model.onnx` by default. */
  readonly file?: string
  /** Rows that requests may be put together to, 0 for none; by default a model that takes rows may, and no other. */
  readonly maxBatchSize?: number
  /** Where it runs; `auto` by default. */
  readonly run?: RunPlace
  /** What an ONNX model runs on; `cpu` by default. */
  readonly provider?: Provider
  /** How models that are not ONNX are run. */
  readonly python?: PythonOptions
  /** What the model was asked last, with which the version is warmed and checked. */
  readonly recorded?: () => Promise<readonly JournalRecord[]>
}

/** Between the choice of a version for a request and its `acquire`: much less than this. */
const GRACE_MS = 200
/** Characters of JSON. */
const EXAMPLE_KEPT = 64 * 1024

/**
 * A model version in memory: its session, and how it may be asked: by rows, by tensors, or both. A model with feature engineering takes rows alone, since its
 * tensors hold what only Millrace computes. Used until `retire`, released when nobody uses it any more.
 */
export class LoadedModel {
  readonly name: string
  readonly version: string
  /** null where inputs or outputs are not those of rows; `refusedRows` says why. */
  readonly rows: RowPredictor | null
  readonly refusedRows: string
  /** null where the model has feature engineering. */
  readonly tensors: TensorInterface | null
  /** Rows of requests by tensors that may go together; 1: each is run as it came. */
  readonly batch: number
  /** What it was logged with, for whoever asks how it is asked; null where there is none, or a large one. */
  readonly example: ModelArtifact['example']
  readonly #held: ModelSession | PythonModel
  #users = 0
  #retired = false
  #released = false

  private constructor(name: string, version: string, held: ModelSession | PythonModel, rows: RowPredictor | string, tensors: TensorInterface | null, example: ModelArtifact['example'], maxBatchSize: number | undefined) {
    this.name = name
    this.version = version
    this.rows = typeof rows === 'string' ? null : rows
    this.refusedRows = typeof rows === 'string' ? rows : ''
    this.tensors = tensors
    this.example = JSON.stringify(example).length <= EXAMPLE_KEPT ? example : null
    this.batch = maxBatchSize === undefined ? (this.rows?.together ? this.rows.batch : 1) : Math.max(1, Math.min(maxBatchSize, 'maxRows' in held ? held.maxRows : held.batch))
    this.#held = held
  }

  /**
   * Loads what `readArtifact` found, warms the session with the input example and with what was recorded, and checks that it answers a row with a finite number. MODEL_INVALID says
   * why it cannot be served.
   */
  static async load(name: string, version: string, artifact: ModelArtifact, { maxBatchSize, run, provider, python, recorded }: LoadOptions = {}): Promise<LoadedModel> {
    await giveWay()
    if (artifact.python !== null && python) {
      const model = await PythonModel.load(name, version, artifact, python)
      try {
        await warmRows(model, (await recorded?.()) ?? [])
      } catch (error) {
        await model.release()
        throw error
      }
      return new LoadedModel(name, version, model, model, null, artifact.example, maxBatchSize)
    }
    const session = await openModelSession(artifact.onnxFile, run, provider)
    await giveWay()
    try {
      const tensors = artifact.features === null ? interfaceOf(session) : null
      const rows = await bindRows(name, version, session, artifact)
      await giveWay()
      const records = (await recorded?.()) ?? []
      await giveWay()
      if (typeof rows !== 'string') await warmRows(rows, records)
      if (tensors) await warmTensors(session, tensors, records)
      if (maxBatchSize !== undefined && maxBatchSize > 0) refuseFixedBatch(tensors, maxBatchSize)
      return new LoadedModel(name, version, session, rows, tensors, artifact.example, maxBatchSize)
    } catch (error) {
      await session.release()
      // No caller gave what it is tried on.
      if (error instanceof MillraceError && error.code !== 'INPUT_INVALID') throw error
      throw new MillraceError('MODEL_INVALID', errorMessage(error), { cause: error })
    }
  }

  /** The model by rows. INPUT_INVALID for one that takes tensors only. */
  get byRows(): RowPredictor {
    if (this.rows) return this.rows
    throw new MillraceError('INPUT_INVALID', `${this.name} takes tensors only, as nested lists (inputs, instances) or over the Open Inference Protocol: ${this.refusedRows}`)
  }

  /** One run over tensors that fit `tensors`. */
  infer(inputs: TensorMap, fetch: readonly string[]): Promise<TensorMap> {
    if (this.#held.place === 'process') throw new MillraceError('INPUT_INVALID', `${this.name} takes rows, not tensors of its own`)
    return runSession(this.#held, inputs, fetch)
  }

  get place(): Place {
    return this.#held.place
  }

  /** Of a process beside this one. */
  get bytesElsewhere(): number {
    return 'bytes' in this.#held ? this.#held.bytes : 0
  }

  get users(): number {
    return this.#users
  }

  acquire(): void {
    this.#users++
  }

  release(): void {
    this.#users--
    this.#end()
  }

  /** No new request will use it: the session goes when the last one has ended, those included that have chosen it and not yet acquired it. */
  retire(): void {
    if (this.#retired) return
    setTimeout(() => {
      this.#retired = true
      this.#end()
    }, GRACE_MS).unref()
  }

  #end(): void {
    if (!this.#retired || this.#users > 0 || this.#released) return
    this.#released = true
    void this.#held.release()
  }
}

function refuseFixedBatch(tensors: TensorInterface | null, maxBatchSize: number): void {
  for (const { name, shape } of [...(tensors?.inputs ?? []), ...(tensors?.outputs ?? [])]) {
    if (shape[0] !== -1) throw new MillraceError('MODEL_INVALID', `max_batch_size is ${maxBatchSize}, but ${name} has shape [${shape.join(', ')}]: its first axis is no batch`)
  }
}

/** Why not, for a model of other tensors than rows have; one with maps among its outputs is refused as a whole, since most of what it answers would be lost. */
async function bindRows(name: string, version: string, session: ModelSession, artifact: ModelArtifact): Promise<RowModel | string> {
  let rows: RowModel
  try {
    rows = await RowModel.bind(name, version, session, artifact)
  } catch (error) {
    const onlyTensors = session.outputMetadata.every((meta) => meta.isTensor)
    if (artifact.features !== null || artifact.signature !== null || !onlyTensors || !(error instanceof MillraceError && error.code === 'MODEL_INVALID')) throw error
    return error.message
  }
  try {
    await rows.check(artifact.example)
    return rows
  } catch (error) {
    // Nobody said that such a model takes rows; that its inputs have two dimensions says little.
    if (rows.signed || rows.kind !== 'other') throw error
    return errorMessage(error)
  }
}
