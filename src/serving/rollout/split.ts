import type { Arm, Exposure } from '../../api/rollouts.ts'
import type { RolloutConfig } from '../../domain/rollout-config.ts'
import type { Row, Target } from '../runtime/plane.ts'
import type { TensorMap } from '../runtime/tensor/session.ts'
import type { ArmMeter } from './counts.ts'
import { murmur3 } from './murmur.ts'

/** Which version a request goes to, and where its end is counted. */
export interface Assignment {
  readonly target: Target
  readonly meter: ArmMeter
  /** JSON of an `Exposure`, for the journal. */
  readonly exposure: string
}

/** A request as far as it is known before a version answers it. */
export interface Asked {
  readonly id: string
  /** Names in lower case. */
  readonly header: (name: string) => string | undefined
  readonly parsed: { readonly rows: readonly Row[] } | { readonly tensors: TensorMap }
}

/** Where a rollout is, as far as requests are concerned. */
export interface Division {
  /** Id of the rollout: the same keys do not go first in every one. */
  readonly rollout: string
  readonly step: number
  /** Percent. */
  readonly weight: number
  /** Version that is tried. */
  readonly candidate: string
}

export interface SplitOptions {
  readonly division: Division
  readonly config: Pick<RolloutConfig, 'header' | 'sticky'>
  readonly meters: Readonly<Record<Arm, ArmMeter>>
  /** The version that is tried, while it is in memory. */
  readonly candidate: () => Target | null
}

const RANGE = 2 ** 32

/**
 * Divides requests between the version that answers and the one that is tried, while a rollout is on. A caller's header decides first. Then a hash of the key: the key of a
 * request is the sticky header's or column's value, or else its id. A key has one place on a line, and the weight is how far along the line the candidate answers: so a key
 * stays where it is while the weight does, and a growing weight takes keys over and gives none back.
 */
export class Split {
  readonly division: Division
  readonly #options: SplitOptions
  readonly #header: string
  readonly #sticky: string | undefined
  readonly #seed: number
  readonly #reach: number
  readonly #exposures: Readonly<Record<Arm, Readonly<Record<Exposure['by'], string>>>>

  constructor(options: SplitOptions) {
    const { division, config } = options
    const { rollout: id, weight } = division
    this.division = division
    this.#options = options
    this.#header = config.header.toLowerCase()
    this.#sticky = config.sticky?.header?.toLowerCase()
    this.#seed = murmur3(id, 0)
    this.#reach = (weight / 100) * RANGE
    const text = (arm: Arm, by: Exposure['by']) => JSON.stringify({ rollout: id, arm, by } satisfies Exposure)
    this.#exposures = { champion: { weight: text('champion', 'weight'), header: text('champion', 'header') }, candidate: { weight: text('candidate', 'weight'), header: text('candidate', 'header') } }
  }

  /** Whether the candidate is in memory. Without it, `champion` answers all. */
  get ready(): boolean {
    return this.#options.candidate() !== null
  }

  /** By whose shape a request is read, where its caller has chosen the candidate. */
  preferred(header: Asked['header']): Target | null {
    return header(this.#header) === 'always' ? this.#options.candidate() : null
  }

  /** `champion` answers where the candidate does not, or is not in memory. */
  assign(champion: Target, asked: Asked): Assignment {
    const chosen = asked.header(this.#header)
    const by = chosen === 'always' || chosen === 'never' ? 'header' : 'weight'
    const candidate = by === 'header' ? chosen === 'always' : this.#takes(asked)
    const target = candidate ? this.#options.candidate() : null
    const arm = target ? 'candidate' : 'champion'
    const meter = this.#options.meters[arm]
    if (by === 'weight') meter.exposed()
    return { target: target ?? champion, meter, exposure: this.#exposures[arm][by] }
  }

  #takes(asked: Asked): boolean {
    return murmur3(this.#keyOf(asked), this.#seed) < this.#reach
  }

  #keyOf({ id, header, parsed }: Asked): string {
    const sticky = this.#sticky === undefined ? undefined : header(this.#sticky)
    if (sticky !== undefined && sticky !== '') return sticky
    const { column } = this.#options.config.sticky ?? {}
    if (column === undefined) return id
    const value = 'rows' in parsed ? parsed.rows[0]?.[column] : parsed.tensors.get(column)?.data[0]
    return value === undefined || value === null ? id : String(value)
  }
}
