import { refuseRow } from '../../domain/signature.ts'
import type { OnlineValues } from '../../domain/feature-builder.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import { LineBuffer } from '../journal/format.ts'
import type { JournalWriter } from '../journal/journal.ts'
import { type Recording, WHOLE_AND_STRICT, isSampled, requestMembers } from '../journal/recording.ts'
import { RelaxedWriter } from '../journal/relaxed.ts'
import { Admission } from '../limits/admission.ts'
import { Entrance } from '../limits/entrance.ts'
import type { Recipient } from '../limits/recipient.ts'
import { Batcher, type BatchRunner, type Slice } from './batcher.ts'
import { type LineWriter, createLineWriter } from './lines.ts'
import type { FeatureLookup } from './lookup.ts'
import type { ServingMetrics, VersionMetrics } from './metrics.ts'
import type { LoadedModel } from './model.ts'
import type { OtherOutputs, OutputPart } from './other-outputs.ts'
import type { Labels, ModelKind } from './outputs.ts'
import type { Job } from './row-model.ts'
import { inShadows } from './shadows.ts'
import { type Traced, type TracedJob, tracedLookup, tracedRunner } from './spans.ts'
import { rowOutputsMember } from './tensor/journal-line.ts'
import { TensorPlane } from './tensor/plane.ts'

export type Row = Readonly<Record<string, unknown>>

/** A version as it stands behind an alias at one moment. */
export interface Target {
  readonly model: LoadedModel
  /** `versions/V` where the version was asked for by its number. */
  readonly alias: string
  /** The request named it: it stands for itself, and nothing runs along. */
  readonly chosen?: boolean
}

export interface Limits {
  readonly maxRows: number
  /** Of requests that wait: how many, their bytes, and how long one may have to. */
  readonly maxQueue: number
  readonly maxQueueBytes: number
  readonly maxWaitMs: number
  readonly maxBatchRows: number
}

/** What a request meets: where its model's aliases point now, and the deployment's limits. */
export interface Served {
  readonly name: string
  readonly champion: Target | null
  readonly shadows: readonly Target[]
  readonly limits: Limits
  readonly lookup: FeatureLookup
  /** How its predictions are written down; absent: before the answer, and whole. */
  readonly recording?: Recording
  /** Requests accepted and not yet answered, and those that only shadows still work on. */
  waiting: number
  waitingBytes: number
  shadowing: number
  /** Rows in the journal that were predicted to be returned. */
  predictions: number
}

export interface PredictRequest {
  readonly id: string
  /** Project time, milliseconds. */
  readonly time: number
  readonly rows: readonly Row[]
  /** Of MLflow's protocol: only a Python model hears of them. */
  readonly params?: Row | undefined
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

export interface Prediction {
  readonly model: string
  readonly version: string
  readonly kind: ModelKind
  readonly scores: Float64Array
  readonly labels: Labels
  /** What was answered instead where that is no score for each row. */
  readonly other: OtherOutputs | null
  readonly metrics: VersionMetrics
}

interface PlaneJob extends Job, TracedJob {
  readonly served: Served
  readonly request: PredictRequest
  /** By row; rows that miss nothing have none. */
  readonly missing: readonly (readonly string[] | undefined)[]
  readonly writer: LineWriter
  /** Aliases in shadow that point at the very version that answers: their lines are the same prediction. */
  readonly twins: readonly LineWriter[]
}

interface Compiled {
  readonly batcher: Batcher<PlaneJob>
  readonly admission: Admission
  readonly metrics: VersionMetrics
  /** By alias. */
  readonly writers: { readonly champion: Map<string, LineWriter>; readonly shadow: Map<string, LineWriter> }
}

const LARGEST_FLOAT32 = 3.4028234663852886e38
const NONE: readonly string[] = []
const NO_TARGETS: readonly Target[] = []
const NO_WRITERS: readonly LineWriter[] = []
const NOTHING_MISSING: readonly undefined[] = []

/**
 * The one way from rows to predictions, under every protocol: validate, join online features, build the model's inputs, predict in
 * batches, journal, answer; then the shadows.
 */
export class DataPlane {
  readonly #journal: JournalWriter
  readonly #relaxed: RelaxedWriter
  readonly #metrics: ServingMetrics
  readonly #log: Logger
  readonly #traced: boolean
  readonly #lines = new LineBuffer()
  readonly #compiled = new WeakMap<LoadedModel, Compiled>()
  readonly entrance = new Entrance()
  /** For requests whose tensors are the model's own. */
  readonly tensors: TensorPlane

  constructor(journal: JournalWriter, metrics: ServingMetrics, log: Logger, traced = false) {
    this.#traced = traced
    this.#journal = journal
    this.#relaxed = new RelaxedWriter(journal, log)
    this.#metrics = metrics
    this.#log = log
    this.tensors = new TensorPlane((recording) => this.#writerFor(recording), metrics, log, this.entrance, traced)
  }

  /** Writes what relaxed deployments have answered and not yet written. Throws DISK_FULL or JOURNAL_FAILED, and then it still waits. */
  flush(): void {
    this.#relaxed.flush()
  }

  #writerFor(recording: Recording | undefined): JournalWriter {
    return recording?.mode === 'relaxed' ? this.#relaxed.within(recording) : this.#journal
  }

  /**
   * Resolves after the predictions are in the journal. INPUT_INVALID names the row and its fields; OVERLOADED when too many requests wait;
   * DISK_FULL or JOURNAL_FAILED when the journal could not take them.
   */
  predict(served: Served, target: Target, request: PredictRequest): Promise<Prediction> {
    const { model } = target
    const { rows } = request
    const { validate } = model.byRows
    this.entrance.check(served, rows.length, request.bytes ?? 0, this.#compile(model, served.limits))
    for (let i = 0; i < rows.length; i++) {
      const problems = validate(rows[i]!)
      if (problems.length > 0) throw refuseRow(problems, i, rows[i], model.byRows.inputs.known)
    }
    // Read now: an alias that moves meanwhile concerns the next request.
    const shadows = target.chosen ? NO_TARGETS : served.shadows
    model.acquire()
    served.waiting++
    served.waitingBytes += request.bytes ?? 0
    for (const shadow of shadows) shadow.model.acquire()
    return this.#answer(served, target, shadows, request)
  }

  /** OVERLOADED where even one row more would have to wait too long at the version that answers. For the door, before a body is read. */
  checkDoor(served: Served): void {
    const model = served.champion?.model
    const line = model && (this.#compiled.get(model) ?? this.tensors.line(model))
    this.entrance.check(served, 1, 0, line)
  }

  async #answer(served: Served, target: Target, shadows: readonly Target[], request: PredictRequest): Promise<Prediction> {
    const { model } = target
    const { metrics } = this.#compile(model, served.limits)
    try {
      const online = needsLookup(model, request.rows) ? await this.#lookUp(served, model, request) : undefined
      const twins = shadows.length === 0 ? NO_TARGETS : shadows.filter((shadow) => shadow.model === model && shadow.alias !== target.alias)
      const job = await this.#run(served, target, request, online, 'champion', twins)
      metrics.succeeded++
      metrics.rows += request.rows.length
      if (shadows.length > twins.length) {
        const others = shadows.filter((shadow) => shadow.model !== model)
        if (others.length > 0) void inShadows({ served, shadows: others, request, metrics: this.#metrics, log: this.#log }, (shadow) => this.#shadow(served, shadow, request, { model, online, job }))
      }
      return { model: model.name, version: model.version, kind: model.byRows.kind, scores: job.scores, labels: job.labels, other: job.parts && model.byRows.otherOutputs(job), metrics }
    } finally {
      served.waiting--
      served.waitingBytes -= request.bytes ?? 0
      model.release()
      for (const shadow of shadows) shadow.model.release()
    }
  }

  async #shadow(served: Served, target: Target, request: PredictRequest, answered: { model: LoadedModel; online: readonly OnlineValues[] | undefined; job: PlaneJob }): Promise<void> {
    const { model } = target
    for (const [i, row] of request.rows.entries()) {
      const problems = model.byRows.validate(row)
      if (problems.length > 0) throw refuseRow(problems, i)
    }
    const sameFeatures = model.byRows.inputs.online.join() === answered.model.byRows.inputs.online.join()
    const online = sameFeatures ? answered.online : needsLookup(model, request.rows) ? await this.#lookUp(served, model, request) : undefined
    const job = await this.#run(served, target, request, online, 'shadow', [])
    const agreement = this.#metrics.agreements.of(served.name, target.alias, model.version)
    const [returned, beside] = [answered.model.byRows.otherOutputs(answered.job), model.byRows.otherOutputs(job)]
    if (returned && beside) agreement.addTensors(returned.tensors(), beside.tensors(), request.rows.length)
    else if (!returned && !beside) agreement.addRows(answered.job, job, model.byRows.kind === 'classifier')
    this.#compile(model, served.limits).metrics.shadowRows += request.rows.length
  }

  #lookUp(served: Served, { byRows: { inputs } }: LoadedModel, { rows, time, traced }: PredictRequest): Promise<readonly OnlineValues[] | undefined> {
    const { joinKey, online, builder } = inputs
    if (joinKey === null) return Promise.resolve(undefined)
    const keys = rows.map((row): string | number => {
      const key = row[joinKey]
      return typeof key === 'number' ? key : String(key)
    })
    const asOf = rows.map((row) => {
      const moment = builder.momentOf(row)
      return Number.isFinite(moment) ? moment : time
    })
    if (!traced) return served.lookup.get({ online, joinKey, keys, asOf })
    return tracedLookup(traced, rows.length, (trace) => served.lookup.get({ online, joinKey, keys, asOf, trace }))
  }

  #run(
    served: Served,
    { model, alias }: Target,
    request: PredictRequest,
    online: readonly OnlineValues[] | undefined,
    role: 'champion' | 'shadow',
    twins: readonly Target[],
  ): Promise<PlaneJob> {
    const { rows } = request
    const { byRows } = model
    const { builder } = byRows.inputs
    const { batcher, writers } = this.#compile(model, served.limits)
    const numeric = new Float64Array(rows.length * builder.numeric.length)
    const categorical: string[] = []
    let missing: (readonly string[])[] | undefined
    for (let i = 0; i < rows.length; i++) {
      const names = builder.build(rows[i]!, online?.[i], numeric, i * builder.numeric.length, categorical, i * builder.categorical.length)
      if (names.length > 0) (missing ??= [])[i] = names
    }
    refuseOverflow(numeric, builder.numeric)
    if (missing && role === 'champion') for (const names of missing) if (names) this.#metrics.missed(served.name, names)
    return new Promise((resolve, reject) => {
      const job: PlaneJob = {
        rows: rows.length,
        numeric,
        categorical,
        scores: new Float64Array(rows.length),
        labels: byRows.makeLabels(rows.length),
        parts: byRows.mayAnswerOther ? [] : null,
        served,
        request,
        missing: missing ?? NOTHING_MISSING,
        writer: writerOf(writers, model, alias, role, served),
        role,
        span: request.traced?.span ?? null,
        queued: 0,
        ...(role === 'champion' && request.recipient ? { recipient: request.recipient } : {}),
        twins: twins.length === 0 ? NO_WRITERS : twins.map((twin) => writerOf(writers, model, twin.alias, 'shadow', served)),
        settle: (error) => (error ? reject(error) : resolve(job)),
      }
      if (rows.length === 0) resolve(job)
      else batcher.submit(job)
    })
  }

  #compile(model: LoadedModel, { maxBatchRows, maxWaitMs }: Limits): Compiled {
    const known = this.#compiled.get(model)
    if (known) return known
    const metrics = this.#metrics.version(model.name, model.version)
    const { byRows } = model
    const runner: BatchRunner<PlaneJob> = {
      get maxRows() {
        return byRows.together ? Math.min(maxBatchRows, byRows.batch) : byRows.batchAlone
      },
      ...(byRows.mayAnswerOther ? { alike: (one: PlaneJob, other: PlaneJob) => byRows.together && areSame(one.request.params, other.request.params) } : {}),
      run: (slices, rows) => {
        metrics.batch.observe(rows)
        return byRows.run(slices, rows)
      },
      commit: (slices) => this.#commit(slices),
      queued: (seconds) => metrics.queue.observe(seconds),
    }
    const made: Compiled = {
      metrics,
      writers: { champion: new Map(), shadow: new Map() },
      batcher: new Batcher(this.#traced ? tracedRunner(runner, model) : runner),
      admission: new Admission(maxWaitMs),
    }
    this.#compiled.set(model, made)
    return made
  }

  #commit(slices: readonly Slice<PlaneJob>[]): Promise<void> | undefined {
    const lines = this.#lines
    lines.clear()
    for (const { job, from, to } of slices) {
      const { request, writer, numeric, categorical, scores } = job
      const { id, time } = request
      const recording = job.served.recording ?? WHOLE_AND_STRICT
      const members = requestMembers(request, recording)
      const part: OutputPart | undefined = job.parts?.at(-1)
      const whole = job.role === 'champion' && isSampled(id, recording.sample)
      for (let row = from; row < to; row++) {
        const missing = job.missing[row] ?? NONE
        const score = scores[row]!
        const outcome = part && Number.isNaN(score) ? rowOutputsMember(part.row(row - from), recording.mask) + members : members
        lines.add(
          whole
            ? writer.champion(id, row, time, request.rows[row]!, numeric, categorical, missing, score, outcome)
            : writer.brief(id, row, time, missing, score, outcome),
        )
        for (const twin of job.twins) lines.add(twin.brief(id, row, time, missing, score, outcome))
      }
    }
    // All slices are of one model version, so of one deployment.
    const journal = this.#writerFor(slices[0]?.job.served.recording)
    journal.append(lines.view())
    for (const { job, from, to } of slices) if (job.role === 'champion') job.served.predictions += to - from
    return journal.settled()
  }
}

function needsLookup({ byRows: { inputs } }: LoadedModel, rows: readonly Row[]): boolean {
  if (inputs.joinKey === null) return false
  for (const row of rows) if (inputs.builder.needsLookup(row)) return true
  return false
}

function writerOf(writers: Compiled['writers'], model: LoadedModel, alias: string, role: 'champion' | 'shadow', { recording }: Served): LineWriter {
  const known = writers[role].get(alias)
  if (known) return known
  const made = createLineWriter(model.name, model.version, alias, role, model.byRows.inputs, recording?.mask)
  writers[role].set(alias, made)
  return made
}

/** A double may be finite and still too large for the model's 32-bit floats. */
function refuseOverflow(numeric: Float64Array, names: readonly string[]): void {
  for (let i = 0; i < numeric.length; i++) {
    const value = numeric[i]!
    if (value > LARGEST_FLOAT32 || value < -LARGEST_FLOAT32) {
      const row = Math.floor(i / names.length)
      throw new MillraceError('INPUT_INVALID', `row ${row}: ${names[i % names.length]} is ${value}, which is more than the model's 32-bit floats hold`)
    }
  }
}

/** A model is run once for all rows of a batch, with the parameters of one request. */
function areSame(one: PredictRequest['params'], other: PredictRequest['params']): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other)
}
