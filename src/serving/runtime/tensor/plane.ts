import { MillraceError } from '../../../platform/errors/index.ts'
import type { Logger } from '../../../platform/log/index.ts'
import { LineBuffer } from '../../journal/format.ts'
import type { JournalWriter } from '../../journal/journal.ts'
import { type Recording, WHOLE_AND_STRICT, isSampled, requestMembers } from '../../journal/recording.ts'
import { Admission } from '../../limits/admission.ts'
import type { Entrance, Line } from '../../limits/entrance.ts'
import type { Recipient } from '../../limits/recipient.ts'
import { Batcher, type BatchRunner, type Slice } from '../batcher.ts'
import type { ServingMetrics, VersionMetrics } from '../metrics.ts'
import type { LoadedModel } from '../model.ts'
import type { Limits, Served, Target } from '../plane.ts'
import { inShadows } from '../shadows.ts'
import { type Traced, type TracedJob, tracedRunner } from '../spans.ts'
import { ELEMENTS_KEPT, type TensorLineWriter, createTensorLineWriter } from './journal-line.ts'
import { type TensorMap, checkInputs } from './session.ts'
import { type TensorValue, concatenate, countOf, slice, withJson } from './value.ts'

export interface TensorRequest {
  readonly id: string
  /** Project time, milliseconds. */
  readonly time: number
  readonly inputs: TensorMap
  /** Names of the outputs wanted. */
  readonly fetch: readonly string[]
  readonly probe: boolean
  readonly caller?: string | undefined
  /** JSON of the rollout's arm that it was assigned to, for the journal. */
  readonly exposure?: string | undefined
  /** Of its body. */
  readonly bytes?: number
  /** Absent: somebody waits for it as long as it takes. */
  readonly recipient?: Recipient
  readonly traced?: Traced
}

export interface TensorPrediction {
  readonly model: string
  readonly version: string
  readonly outputs: TensorMap
  readonly metrics: VersionMetrics
}

interface TensorJob extends TracedJob {
  readonly served: Served
  readonly request: TensorRequest
  readonly alias: string
  /** Of each batch that held rows of this job, in order. */
  readonly parts: TensorMap[]
  written: number
  /** Of all its rows, once they are predicted. */
  outputs: TensorMap
}

interface Compiled {
  readonly batcher: Batcher<TensorJob>
  readonly admission: Admission
  readonly metrics: VersionMetrics
  /** By role and alias. */
  readonly writers: Map<string, TensorLineWriter>
}

const NO_OUTPUTS: TensorMap = new Map()
const NO_TARGETS: readonly Target[] = []

/**
 * The way of a request whose tensors are the model's own: check, run, journal, answer; then the shadows. Requests to a model that takes rows go together along
 * the first axis; whether another model's first axis is a batch only its `max_batch_size` says, and without that its requests are run one by one.
 */
export class TensorPlane {
  readonly #writerFor: (recording: Recording | undefined) => JournalWriter
  readonly #metrics: ServingMetrics
  readonly #log: Logger
  readonly #entrance: Entrance
  readonly #lines = new LineBuffer()
  readonly #compiled = new WeakMap<LoadedModel, Compiled>()
  readonly #traced: boolean

  constructor(writerFor: (recording: Recording | undefined) => JournalWriter, metrics: ServingMetrics, log: Logger, entrance: Entrance, traced: boolean) {
    this.#traced = traced
    this.#entrance = entrance
    this.#writerFor = writerFor
    this.#metrics = metrics
    this.#log = log
  }

  /**
   * Resolves after the prediction is in the journal. INPUT_INVALID names the input that does not fit; OVERLOADED when too many requests wait; PREDICTION_FAILED
   * with the runtime's words; DISK_FULL or JOURNAL_FAILED when the journal could not take it.
   */
  async infer(served: Served, target: Target, request: TensorRequest): Promise<TensorPrediction> {
    const { model } = target
    const rows = rowsOf(request)
    const bytes = request.bytes ?? 0
    const compiled = this.#compile(model, served.limits)
    this.#entrance.check(served, rows, bytes, compiled)
    check(model, request)
    const shadows = target.chosen || served.shadows.length === 0 ? NO_TARGETS : served.shadows.filter((shadow) => shadow.alias !== target.alias)
    model.acquire()
    for (const shadow of shadows) shadow.model.acquire()
    served.waiting++
    served.waitingBytes += bytes
    try {
      const outputs = await this.#run(served, target, request, 'champion')
      const { metrics } = compiled
      metrics.succeeded++
      metrics.rows += rows
      if (shadows.length > 0) {
        void inShadows({ served, shadows, request, metrics: this.#metrics, log: this.#log }, async (shadow) => {
          check(shadow.model, request)
          const beside = await this.#run(served, shadow, request, 'shadow')
          this.#metrics.agreements.of(served.name, shadow.alias, shadow.model.version).addTensors(outputs, beside, rows)
          this.#compile(shadow.model, served.limits).metrics.shadowRows += rows
        })
      }
      return { model: model.name, version: model.version, outputs, metrics }
    } finally {
      served.waiting--
      served.waitingBytes -= bytes
      model.release()
      for (const shadow of shadows) shadow.model.release()
    }
  }

  #run(served: Served, { model, alias }: Target, request: TensorRequest, role: TensorJob['role']): Promise<TensorMap> {
    return new Promise((resolve, reject) => {
      const job: TensorJob = {
        rows: model.batch > 1 ? rowsOf(request) : 1,
        served,
        request,
        alias,
        role,
        span: request.traced?.span ?? null,
        queued: 0,
        ...(role === 'champion' && request.recipient ? { recipient: request.recipient } : {}),
        parts: [],
        written: 0,
        outputs: NO_OUTPUTS,
        settle: (error) => (error ? reject(error) : resolve(job.outputs)),
      }
      if (job.rows === 0) reject(new MillraceError('INPUT_INVALID', 'the tensors have no rows'))
      else this.#compile(model, served.limits).batcher.submit(job)
    })
  }

  /** The queue of a version that has been asked; undefined before that. */
  line(model: LoadedModel): Line | undefined {
    return this.#compiled.get(model)
  }

  #compile(model: LoadedModel, { maxBatchRows, maxWaitMs }: Limits): Compiled {
    const known = this.#compiled.get(model)
    if (known) return known
    const metrics = this.#metrics.version(model.name, model.version)
    const runner: BatchRunner<TensorJob> = {
      maxRows: Math.min(maxBatchRows, model.batch),
      alike: (one, other) => model.batch > 1 && areAlike(one.request, other.request),
      run: (slices, rows) => {
        metrics.batch.observe(rows)
        return runBatch(model, slices)
      },
      commit: (slices) => this.#commit(model, slices),
      queued: (seconds) => metrics.queue.observe(seconds),
    }
    const made: Compiled = {
      metrics,
      batcher: new Batcher(this.#traced ? tracedRunner(runner, model) : runner),
      admission: new Admission(maxWaitMs),
      writers: new Map(),
    }
    this.#compiled.set(model, made)
    return made
  }

  #writer(model: LoadedModel, { served, role, alias }: TensorJob): TensorLineWriter {
    const { writers } = this.#compile(model, served.limits)
    const key = `${role} ${alias}`
    const known = writers.get(key)
    if (known) return known
    const made = createTensorLineWriter({ model: model.name, version: model.version, alias, role, mask: served.recording?.mask ?? null, columns: model.rows?.inputs.held ?? new Map() })
    writers.set(key, made)
    return made
  }

  /** A request is written once, with its last rows. */
  #commit(model: LoadedModel, slices: readonly Slice<TensorJob>[]): Promise<void> | undefined {
    this.#lines.clear()
    for (const { job, from, to } of slices) {
      job.written += to - from
      if (job.written < job.rows) continue
      job.outputs = written(assembled(job))
      const { request, role } = job
      const { id, time } = request
      const recording = job.served.recording ?? WHOLE_AND_STRICT
      const inputs = role === 'champion' && isSampled(id, recording.sample) ? request.inputs : null
      this.#lines.add(this.#writer(model, job)(id, time, inputs, job.outputs, requestMembers(request, recording)))
      if (role === 'champion') job.served.predictions += rowsOf(request)
    }
    if (this.#lines.length === 0) return undefined
    const journal = this.#writerFor(slices[0]?.job.served.recording)
    journal.append(this.#lines.view())
    return journal.settled()
  }
}

function check(model: LoadedModel, { inputs }: TensorRequest): void {
  if (!model.tensors) throw new MillraceError('INPUT_INVALID', `${model.name} takes rows, not tensors of its own`)
  checkInputs(model.tensors, inputs)
  if (inputs.size === 1 || model.batch <= 1) return
  const sizes = new Set([...inputs.values()].map(({ shape }) => shape[0]))
  if (sizes.size > 1) throw new MillraceError('INPUT_INVALID', `the inputs have ${[...sizes].join(' and ')} rows, expected as many each`)
}

/** Runs the rows of all slices at once and gives each job its own. */
async function runBatch(model: LoadedModel, slices: readonly Slice<TensorJob>[]): Promise<void> {
  const [first] = slices
  if (!first) return
  const { fetch, inputs } = first.job.request
  const whole = slices.length === 1 && first.from === 0 && first.to === first.job.rows
  if (whole) {
    first.job.parts.push(await model.infer(inputs, fetch))
    return
  }
  const together = new Map<string, TensorValue>()
  for (const name of inputs.keys()) together.set(name, concatenate(slices.map(({ job, from, to }) => slice(valueOf(job.request.inputs, name), from, to))))
  const outputs = await model.infer(together, fetch)
  let rows = 0
  for (const { from, to } of slices) rows += to - from
  for (const [name, { shape }] of outputs) {
    if (shape[0] !== rows) throw new MillraceError('PREDICTION_FAILED', `output ${name} has shape [${shape.join(', ')}] for ${rows} rows`)
  }
  let at = 0
  for (const { job, from, to } of slices) {
    const start = at
    at += to - from
    const part = new Map<string, TensorValue>()
    for (const [name, value] of outputs) part.set(name, slice(value, start, at))
    job.parts.push(part)
  }
}

/** With their elements in JSON, which the journal is about to write and most protocols after it. */
function written(outputs: TensorMap): TensorMap {
  const texts = new Map<string, TensorValue>()
  for (const [name, value] of outputs) texts.set(name, countOf(value.shape) > ELEMENTS_KEPT ? value : withJson(value))
  return texts
}

function assembled({ parts, request }: TensorJob): TensorMap {
  const [only] = parts
  if (only && parts.length === 1) return only
  return new Map(request.fetch.map((name) => [name, concatenate(parts.map((part) => valueOf(part, name)))]))
}

function valueOf(tensors: TensorMap, name: string): TensorValue {
  const value = tensors.get(name)
  if (value) return value
  throw new MillraceError('PREDICTION_FAILED', `there is no tensor ${name}`)
}

/** Requests go together whose tensors are alike but for the first axis. All have been checked: they name the same inputs. */
function areAlike(one: TensorRequest, other: TensorRequest): boolean {
  if (one.fetch !== other.fetch && one.fetch.join() !== other.fetch.join()) return false
  for (const [name, { shape }] of one.inputs) {
    const others = other.inputs.get(name)?.shape
    if (others === undefined || others.length !== shape.length) return false
    for (let i = 1; i < shape.length; i++) if (shape[i] !== others[i]) return false
  }
  return true
}

function rowsOf({ inputs }: TensorRequest): number {
  for (const { shape } of inputs.values()) return shape[0] ?? 1
  return 1
}
