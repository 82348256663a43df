import type { RolloutConfig } from '../../domain/rollout-config.ts'
import type { Arm } from '../../api/rollouts.ts'
import { ArmMeter, type ArmReport } from '../rollout/counts.ts'
import { type Division, Split } from '../rollout/split.ts'
import type { Deployment } from '../routing/deployment.ts'

interface Metered extends Pick<ArmReport, 'model' | 'rollout' | 'step'> {
  readonly meters: Readonly<Record<Arm, ArmMeter>>
}

/** Steps of one model whose requests may still end. */
const KEPT = 3

/** What a worker counts of rollouts, for the service to judge by. */
export class RemoteArms {
  readonly #failed: () => void
  #metered: readonly Metered[] = []

  /** `failed` is called after a candidate's failure was counted: the service must hear of it at once. */
  constructor(failed: () => void) {
    this.#failed = failed
  }

  /** Whether there is something to say. */
  get counted(): boolean {
    return this.#metered.some(({ meters }) => meters.champion.counted || meters.candidate.counted)
  }

  split(deployment: Deployment, config: RolloutConfig, division: Division): Split {
    const { meters } = this.#of({ model: deployment.name, rollout: division.rollout, step: division.step })
    return new Split({ division, config, meters, candidate: () => deployment.tried(division.candidate) })
  }

  /** What was counted since the last time. */
  take(): readonly ArmReport[] {
    return this.#metered.flatMap(({ model, rollout, step, meters }) => {
      const deltas = [...meters.champion.take(), ...meters.candidate.take()]
      return deltas.length === 0 ? [] : [{ model, rollout, step, deltas }]
    })
  }

  #of({ model, rollout, step }: Omit<Metered, 'meters'>): Metered {
    const known = this.#metered.find((one) => one.model === model && one.rollout === rollout && one.step === step)
    if (known) return known
    const made: Metered = { model, rollout, step, meters: { champion: new ArmMeter('champion', () => undefined), candidate: new ArmMeter('candidate', this.#failed) } }
    const same = this.#metered.filter((one) => one.model === model).slice(0, KEPT - 1)
    this.#metered = [made, ...same, ...this.#metered.filter((one) => one.model !== model)]
    return made
  }
}
