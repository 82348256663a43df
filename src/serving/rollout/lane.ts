import type { Arm, Comparison, RolloutState } from '../../api/rollouts.ts'
import type { RolloutConfig } from '../../domain/rollout-config.ts'
import type { Database } from '../../platform/db/index.ts'
import type { Deployment } from '../routing/deployment.ts'
import type { ServingSchema } from '../routing/store.ts'
import { ArmMeter, type ArmReport } from './counts.ts'
import { type Standing, nextMove } from './policy.ts'
import { Split } from './split.ts'
import { type ProgressRow, addCounts, readCounts, readExposures } from './store.ts'

type Meters = Readonly<Record<Arm, ArmMeter>>

/** What is counted of one step. */
interface Metered {
  readonly rollout_id: string
  readonly step: number
  readonly meters: Meters
}

/** Steps that are over and may still hear of requests that began in them. */
const EARLIER_KEPT = 2

const LIVE: ReadonlySet<string> = new Set(['progressing', 'paused', 'promoting'])

export function isLive({ phase }: ProgressRow): boolean {
  return LIVE.has(phase)
}

/** A deployment that may have a rollout: where that is, as this process knows it, and what it counts of it. */
export class Lane {
  readonly deployment: Deployment
  readonly config: RolloutConfig
  /** The present rollout, or the last; undefined before the first. */
  row: ProgressRow | undefined
  quality: Comparison | undefined
  /** What keeps the policy from its next step and is nobody's decision, as another service that does not answer. */
  trouble: string | undefined
  /** Rollout that must get no more requests, though the database does not say so yet. */
  condemned: string | undefined
  /** The present step; undefined before the first rollout. */
  #present: Metered | undefined
  /** Of the same rollout, latest first. */
  #earlier: readonly Metered[] = []
  #split: Split | undefined
  /** Requests assigned in earlier steps, as the database says. */
  #before: Readonly<Record<Arm, number>> = { champion: 0, candidate: 0 }
  readonly #failed: () => void

  constructor(deployment: Deployment, config: RolloutConfig, failed: () => void) {
    this.deployment = deployment
    this.config = config
    this.#failed = failed
  }

  get model(): string {
    return this.deployment.name
  }

  get live(): ProgressRow | undefined {
    return this.row && isLive(this.row) ? this.row : undefined
  }

  /** Percent of requests that the candidate answers. */
  get weight(): number {
    return this.deployment.split?.division.weight ?? 0
  }

  /** Takes up where the rollout is, and divides requests accordingly from now on. */
  async take(row: ProgressRow | undefined, db: Database<ServingSchema>): Promise<void> {
    const present = this.#present
    if (row && !(present && isOf(present, row))) {
      const [before, counts] = await Promise.all([readExposures(db.kysely, row), readCounts(db.kysely, row)])
      const { rollout_id, step } = row
      this.#before = before
      this.#earlier = present?.rollout_id === rollout_id ? [present, ...this.#earlier].slice(0, EARLIER_KEPT) : []
      this.#present = { rollout_id, step, meters: this.#newMeters() }
      this.#split = undefined
      takeCounts(this.#present, counts)
      if (step === 0) this.quality = undefined
    }
    this.row = row
    this.divide()
  }

  /** Puts the split on or takes it away, as the row says. In one step: no request meets neither the one before nor the next. */
  divide(): void {
    const { live: row } = this
    const present = this.#present
    const split = row && present && row.rollout_id !== this.condemned ? (this.#split ??= this.#makeSplit(row, present)) : null
    if (this.deployment.split !== split) this.deployment.split = split
  }

  #makeSplit({ rollout_id: rollout, step, candidate }: ProgressRow, { meters }: Metered): Split {
    return new Split({
      division: { rollout, step, weight: this.config.steps[step]?.weight ?? 0, candidate },
      config: this.config,
      meters,
      candidate: () => this.deployment.tried(candidate),
    })
  }

  /** Adds what another process counted; of a rollout that is no more it is forgotten. */
  merge({ rollout, step, deltas }: ArmReport): void {
    const metered = this.#all().find((one) => one.rollout_id === rollout && one.step === step)
    for (const meter of Object.values(metered?.meters ?? {})) meter.merge(deltas)
  }

  /** Adds what was counted since the last time to the database, and takes over what other processes have added. */
  async save(db: Database<ServingSchema>): Promise<void> {
    const present = this.#present
    if (!present || !this.row || !isOf(present, this.row)) return
    const changes = this.#all().map((metered) => ({ metered, deltas: Object.values(metered.meters).flatMap((meter) => meter.save()) }))
    if (changes.every(({ deltas }) => deltas.length === 0) && !db.capabilities.sharedByProcesses) return
    try {
      const [counts, before] = await db.transaction(async (trx) => {
        for (const { metered, deltas } of changes) await addCounts(trx, metered, deltas)
        return [await readCounts(trx, present), await readExposures(trx, present)] as const
      })
      takeCounts(present, counts)
      this.#before = before
      for (const { metered } of changes) if (metered !== present) takeCounts(metered, [])
    } catch (error) {
      for (const { metered } of changes) for (const meter of Object.values(metered.meters)) meter.kept()
      throw error
    }
  }

  standing(row: ProgressRow, now: number): Standing {
    return { config: this.config, row, ...(this.#present?.meters ?? this.#newMeters()), quality: this.quality, now }
  }

  describe(now: number): RolloutState | null {
    const { row, config } = this
    if (!row) return null
    const moment = (time: number) => new Date(time).toISOString()
    const { champion, candidate } = this.#present?.meters ?? this.#newMeters()
    const exposed = (meter: ArmMeter) => this.#before[meter.arm] + meter.exposures + this.#earlier.reduce((sum, { meters }) => sum + meters[meter.arm].freshExposures, 0)
    const next = this.live ? nextMove(this.standing(row, now)) : undefined
    const waits = row.phase === 'promoting' ? `the alias ${row.alias} to move` : next?.kind === 'wait' ? next.for : undefined
    return {
      model: row.model,
      rollout: row.rollout_id,
      alias: row.alias,
      champion: row.champion,
      candidate_alias: row.candidate_alias,
      candidate: row.candidate,
      phase: row.phase,
      step: row.step,
      steps: config.steps,
      weight: this.weight,
      reason: row.reason,
      actor: row.actor,
      started_at: moment(row.started_at),
      changed_at: moment(row.changed_at),
      ...(waits === undefined ? {} : { waits_for: this.trouble === undefined ? waits : `${waits} (${this.trouble})` }),
      arms: { champion: champion.describe(), candidate: candidate.describe() },
      exposed: { champion: exposed(champion), candidate: exposed(candidate) },
      ...(this.quality === undefined ? {} : { quality: this.quality }),
    }
  }

  #all(): readonly Metered[] {
    return this.#present ? [this.#present, ...this.#earlier] : []
  }

  #newMeters(): Meters {
    return { champion: new ArmMeter('champion', () => undefined), candidate: new ArmMeter('candidate', this.#failed) }
  }
}

function isOf({ rollout_id, step }: Metered, row: ProgressRow): boolean {
  return rollout_id === row.rollout_id && step === row.step
}

function takeCounts({ meters }: Metered, rows: Awaited<ReturnType<typeof readCounts>>): void {
  for (const meter of Object.values(meters)) meter.saved(rows.filter(({ arm }) => arm === meter.arm))
}
