/**
 * How far a version is on its way to answering a deployment's requests.
 * `progressing`: it is in a step; `paused`: it keeps its weight until somebody says so; `promoting`: the decision is made, and the alias is being moved; the others are
 * ends: `promoted`, `aborted` by somebody, `rolled_back` by the policy.
 */
export type RolloutPhase = 'progressing' | 'paused' | 'promoting' | 'promoted' | 'aborted' | 'rolled_back'

/** The version that answered before, and the one that is tried. */
export type Arm = 'champion' | 'candidate'

/** What stands in the journal of a request that met a rollout: which arm it was assigned to, and whether by its key and the weight, or by its caller. */
export interface Exposure {
  /** Id of the rollout. */
  readonly rollout: string
  readonly arm: Arm
  readonly by: 'weight' | 'header'
}

/** Of one arm in the present step. */
export interface ArmCounts {
  /** Requests that ended: answered, failed or refused. */
  readonly requests: number
  /** Requests that failed by the version's own fault. */
  readonly errors: number
  /** Requests that it refused as wrong. */
  readonly refused: number
  /** Milliseconds, to a tenth; null while nothing was answered. */
  readonly p50_ms: number | null
  readonly p99_ms: number | null
}

/** The candidate's gain in log loss per row over the champion, on labelled rows. */
export interface Comparison {
  /** `paired`: both predicted the same rows (the candidate in shadow); `unpaired`: each answered rows of its own. */
  readonly design: 'paired' | 'unpaired'
  /** Labelled rows: pairs, or those of each arm. */
  readonly rows: { readonly champion: number; readonly candidate: number }
  /** Mean loss of the champion less that of the candidate; null without rows. */
  readonly gain: number | null
  /** Holds the mean gain at every look with probability 1 − alpha. */
  readonly lower: number
  readonly upper: number
  readonly alpha: number
}

/** `GET /deployments/MODEL/rollout` of serving, and what `POST /deployments/MODEL/rollout/ACTION` answers. */
export interface RolloutState {
  readonly model: string
  readonly rollout: string
  /** The deployment's alias, and the version that it named at the start. */
  readonly alias: string
  readonly champion: string
  /** The alias and version that are tried. */
  readonly candidate_alias: string
  readonly candidate: string
  readonly phase: RolloutPhase
  /** From 0. */
  readonly step: number
  readonly steps: readonly { readonly weight: number; readonly pause?: string }[]
  /** Percent of requests that the candidate answers now. */
  readonly weight: number
  readonly reason: string
  readonly actor: string
  /** Project time, RFC 3339. */
  readonly started_at: string
  readonly changed_at: string
  /** What the next step waits for, in words; absent where nothing is to come. */
  readonly waits_for?: string
  readonly arms: Readonly<Record<Arm, ArmCounts>>
  /** Requests assigned by weight since the rollout began. */
  readonly exposed: Readonly<Record<Arm, number>>
  /** Absent where no quality is asked for, or the monitor has not been asked yet. */
  readonly quality?: Comparison
  /** Of the candidate's answers in shadow with those that were returned, since serving started; absent where it does not run in shadow. */
  readonly agreement?: Agreement
}

export const ROLLOUT_ACTIONS = ['start', 'pause', 'resume', 'promote', 'abort'] as const
export type RolloutAction = (typeof ROLLOUT_ACTIONS)[number]

export interface RolloutRequest {
  /** Who, and why: the events keep both. */
  readonly actor: string
  readonly reason: string
  /** Of `start`: the version to try; the candidate alias is moved to it first. */
  readonly version?: string
}

/** How a shadow's answers differ from those that were returned. */
export interface Agreement {
  readonly rows: number
  /** Mean |difference| of scores; null where there were none. */
  readonly mean_difference: number | null
  /** Share of rows of another class; null for a regression. */
  readonly other_class: number | null
}

/** What the monitor is asked to compare. */
export interface ComparisonQuery {
  readonly model: string
  /** Id of the rollout. */
  readonly rollout: string
  readonly champion: string
  readonly candidate: string
  readonly design: Comparison['design']
  readonly alpha: number
}
