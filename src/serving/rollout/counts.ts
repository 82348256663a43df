import type { Arm, ArmCounts } from '../../api/rollouts.ts'
import type { ErrorCode } from '../../platform/errors/index.ts'
import { ERROR_CATALOGUE } from '../../platform/errors/index.ts'

/** Upper bounds of latencies in milliseconds: from a tenth to 30 s, each a tenth above the one before. */
const BOUNDS: readonly number[] = Array.from({ length: 133 }, (_, i) => 0.1 * 1.1 ** i)
const ANSWERED = 0
const ERRORS = 1
const REFUSED = 2
const EXPOSED = 3
const LATENCIES = 4
const COUNTERS = LATENCIES + BOUNDS.length + 1

/** Not the version's fault, whichever it was. */
const BLAMELESS: ReadonlySet<string> = new Set(['OVERLOADED', 'UNAVAILABLE', 'MODEL_NOT_READY', 'MODEL_UNLOADED', 'DISK_FULL', 'JOURNAL_FAILED', 'NOT_IMPLEMENTED'])
const REFUSALS: ReadonlySet<string> = new Set(['INPUT_INVALID', 'BAD_REQUEST'])

/** A number that was counted here and is not in the database yet. */
export interface Delta {
  readonly arm: Arm
  readonly counter: number
  readonly count: number
}

/** What a process counted of one step of a rollout since it last said so. */
export interface ArmReport {
  readonly model: string
  readonly rollout: string
  readonly step: number
  readonly deltas: readonly Delta[]
}

/** How the requests of one arm ended in one step: what all processes have saved, and what this one has counted since. */
export class ArmMeter {
  readonly arm: Arm
  readonly #failed: () => void
  #saved = new Float64Array(COUNTERS)
  #saving = new Float64Array(COUNTERS)
  #fresh = new Float64Array(COUNTERS)
  /** Whether anything is fresh. */
  #counted = false

  /** `failed` is called after a failure was counted: what follows from it must not wait for a timer. */
  constructor(arm: Arm, failed: () => void) {
    this.arm = arm
    this.#failed = failed
  }

  exposed(): void {
    this.#counted = true
    this.#fresh[EXPOSED]!++
  }

  answered(seconds: number): void {
    this.#counted = true
    this.#fresh[ANSWERED]!++
    this.#fresh[LATENCIES + bucketOf(seconds * 1000)]!++
  }

  /** A caller's fault, or the machine's, says nothing of the version. */
  failed(code: ErrorCode): void {
    if (REFUSALS.has(code)) this.#fresh[REFUSED]!++
    else if (ERROR_CATALOGUE[code].status >= 500 || code === 'MODEL_INVALID') {
      if (BLAMELESS.has(code)) return
      this.#fresh[ERRORS]!++
    } else return
    this.#counted = true
    this.#failed()
  }

  /** Adds what another process has counted. */
  merge(deltas: readonly Delta[]): void {
    let failures = 0
    for (const { arm, counter, count } of deltas) {
      if (arm !== this.arm) continue
      this.#counted = true
      this.#fresh[counter]! += count
      if (counter === ERRORS || counter === REFUSED) failures += count
    }
    if (failures > 0) this.#failed()
  }

  get errors(): number {
    return this.#total(ERRORS)
  }

  get refused(): number {
    return this.#total(REFUSED)
  }

  get requests(): number {
    return this.#total(ANSWERED) + this.errors + this.refused
  }

  get exposures(): number {
    return this.#total(EXPOSED)
  }

  /** Of them, those that are not in the database yet. */
  get freshExposures(): number {
    return this.#saving[EXPOSED]! + this.#fresh[EXPOSED]!
  }

  /** Whether something was counted since `save` or `take`. */
  get counted(): boolean {
    return this.#counted
  }

  /** Milliseconds, the bounds of the bucket that holds the share's quantile of answers; null without answers. */
  quantile(share: number): { readonly above: number; readonly atMost: number } | null {
    const answered = this.#total(ANSWERED)
    if (answered === 0) return null
    let below = 0
    for (let i = 0; i <= BOUNDS.length; i++) {
      below += this.#total(LATENCIES + i)
      if (below >= share * answered) return { above: i === 0 ? 0 : BOUNDS[i - 1]!, atMost: BOUNDS[i] ?? Infinity }
    }
    return null
  }

  describe(): ArmCounts {
    return { requests: this.requests, errors: this.errors, refused: this.refused, p50_ms: this.#shown(0.5), p99_ms: this.#shown(0.99) }
  }

  /** What is to be added to the database. Ends with `saved` or `kept`. */
  save(): Delta[] {
    if (!this.#counted) return []
    this.#counted = false
    const deltas: Delta[] = []
    ;[this.#saving, this.#fresh] = [this.#fresh, this.#saving]
    for (let counter = 0; counter < COUNTERS; counter++) if (this.#saving[counter]! > 0) deltas.push({ arm: this.arm, counter, count: this.#saving[counter]! })
    return deltas
  }

  /** What was counted since the last time, for a process that counts on. */
  take(): Delta[] {
    const deltas = this.save()
    this.#saving.fill(0)
    return deltas
  }

  /** The database holds these now, what others have added among them. */
  saved(rows: Iterable<{ readonly counter: number; readonly count: number }>): void {
    this.#saving.fill(0)
    for (const { counter, count } of rows) this.#saved[counter] = Number(count)
  }

  /** The database did not take them: they are counted as before. */
  kept(): void {
    for (let i = 0; i < COUNTERS; i++) this.#fresh[i]! += this.#saving[i]!
    this.#counted = true
    this.#saving.fill(0)
  }

  #total(counter: number): number {
    return this.#saved[counter]! + this.#saving[counter]! + this.#fresh[counter]!
  }

  #shown(share: number): number | null {
    const found = this.quantile(share)
    if (found === null) return null
    return Number((Number.isFinite(found.atMost) ? found.atMost : found.above).toPrecision(3))
  }
}

/** Which counter of the database is of exposures. */
export const EXPOSURES = EXPOSED

function bucketOf(ms: number): number {
  if (ms <= BOUNDS[0]!) return 0
  return Math.min(BOUNDS.length, Math.ceil(Math.log(ms / 0.1) / Math.log(1.1) - 1e-9))
}
