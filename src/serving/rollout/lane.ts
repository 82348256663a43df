import type { Arm, Comparison, RolloutState } from '../../api/rollouts.ts'
import type { RolloutConfig } from '../../domain/rollout-config.ts'
import type { Database } from '../../platform/db/index.ts'
import type { Deployment } from '../routing/deployment.ts'
import type { ServingSchema } from '../routing/store.ts'
import type { Target } from '../runtime/plane.ts'
import { ArmMeter } from './counts.ts'
import { type Standing, nextMove } from './policy.ts'
import { Split } from './split.ts'
import { type ProgressRow, addCounts, readCounts, readExposures } from './store.ts'

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
  #meters: Record<Arm, ArmMeter>
  /** Of which step the meters are. */
  #metered = ''
  #before: Record<Arm, number> = { champion: 0, candidate: 0 }
  readonly #failed: () => void

  constructor(deployment: Deployment, config: RolloutConfig, failed: () => void) {
    this.deployment = deployment
    this.config = config
    this.#failed = failed
    this.#meters = this.#newMeters()
  }

  get model(): string {
    return this.deployment.name
  }

  get live(): ProgressRow | undefined {
    return this.row && isLive(this.row) ? this.row : undefined
  }

  /** Percent of requests that the candidate answers. */
  get weight(): number {
    return this.deployment.split?.weight ?? 0
  }

  /** Takes up where the rollout is, and divides requests accordingly from now on. */
  async take(row: ProgressRow | undefined, db: Database<ServingSchema>): Promise<void> {
    this.row = row
    const metered = row ? `${row.rollout_id} ${row.step}` : ''
    if (row && this.#metered !== metered) {
      this.#before = await readExposures(db.kysely, row)
      this.#meters = this.#newMeters()
      this.#metered = metered
      this.#takeCounts(await readCounts(db.kysely, row))
      if (row.step === 0) this.quality = undefined
      this.deployment.split = null
    }
    this.divide()
  }

  /** Puts the split on or takes it away, as the row says. */
  divide(): void {
    const row = this.live
    if (!row || row.rollout_id === this.condemned) {
      this.deployment.split = null
      return
    }
    this.deployment.split ??= new Split({
      id: row.rollout_id,
      weight: this.config.steps[row.step]?.weight ?? 0,
      config: this.config,
      meters: this.#meters,
      candidate: () => this.#candidate(row.candidate),
    })
  }

  /** Adds what was counted since the last time to the database, and takes over what other processes have added. */
  async save(db: Database<ServingSchema>): Promise<void> {
    const { row } = this
    if (!row || this.#metered !== `${row.rollout_id} ${row.step}`) return
    const meters = this.#meters
    const deltas = [...meters.champion.save(), ...meters.candidate.save()]
    if (deltas.length === 0 && !db.capabilities.sharedByProcesses) return
    try {
      const rows = await db.transaction(async (trx) => {
        await addCounts(trx, row, deltas)
        return readCounts(trx, row)
      })
      this.#takeCounts(rows)
    } catch (error) {
      for (const meter of Object.values(meters)) meter.kept()
      throw error
    }
  }

  standing(row: ProgressRow, now: number): Standing {
    return { config: this.config, row, ...this.#meters, quality: this.quality, now }
  }

  describe(now: number): RolloutState | null {
    const { row, config } = this
    if (!row) return null
    const moment = (time: number) => new Date(time).toISOString()
    const { champion, candidate } = this.#meters
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
      exposed: { champion: this.#before.champion + champion.exposures, candidate: this.#before.candidate + candidate.exposures },
      ...(this.quality === undefined ? {} : { quality: this.quality }),
    }
  }

  /** null while another version than the one that is tried stands behind its alias, or none. */
  #candidate(version: string): Target | null {
    const { candidate } = this.deployment
    return candidate?.model.version === version ? candidate : null
  }

  #newMeters(): Record<Arm, ArmMeter> {
    return { champion: new ArmMeter('champion', () => undefined), candidate: new ArmMeter('candidate', this.#failed) }
  }

  #takeCounts(rows: Awaited<ReturnType<typeof readCounts>>): void {
    for (const meter of Object.values(this.#meters)) meter.saved(rows.filter(({ arm }) => arm === meter.arm))
  }
}
