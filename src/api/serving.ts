import type { Exposure, RolloutState } from './rollouts.ts'

export type Scalar = string | number | boolean | null

/**
 * One line of serving's journal: one row of one request, as predicted by one version. NDJSON; `GET /journal?after=OFFSET&limit=BYTES`.
 * A request's champion row and its shadow rows share `id` and `row`.
 */
export interface JournalRecord {
  /** Request id, as the caller gave it in X-Request-Id or as serving made it. */
  readonly id: string
  /** Which row of the request, from 0. */
  readonly row: number
  readonly model: string
  readonly version: string
  /** The alias under which this version predicted. */
  readonly alias: string
  /** Only `champion`-role rows were returned to the caller. */
  readonly role: 'champion' | 'shadow'
  /** Project time of the request: the X-Millrace-Time header where the clock is simulated, else now. Milliseconds. */
  readonly time: number
  /** Raw input row as received, without the columns that `left_out` counts. On champion rows only, and of a sampled request only. */
  readonly inputs?: Readonly<Record<string, Scalar>>
  /** Columns that stand in `inputs` as hashes or not at all, and features that are left out of `features`, since the deployment masks them. */
  readonly masked?: readonly string[]
  /** Columns of the row that the model does not know and that were no scalars, or too long to be kept. */
  readonly left_out?: number
  /** Model inputs after feature engineering, by name; null where missing. Where `inputs` are. */
  readonly features?: Readonly<Record<string, Scalar>>
  /** Features that were not to be had in time and were filled as in training. */
  readonly missing?: readonly string[]
  /** Probability of the positive class, or a regression's number. Absent where a request's tensors were the model's own, and where a row was answered otherwise: then `tensors` has what came out. */
  readonly score?: number
  /** On the line of a row its outputs alone. */
  readonly tensors?: { readonly inputs?: Readonly<Record<string, JournalTensor>>; readonly outputs: Readonly<Record<string, JournalTensor>> }
  /** Who called: what X-Millrace-Actor said. */
  readonly caller?: string
  /** The share of requests that are recorded with inputs and features, where it is not all of them; on every line of such a deployment. */
  readonly sample?: number
  /** While a rollout is on: which arm the request was assigned to. */
  readonly exposure?: Exposure
  /** Synthetic request (header X-Millrace-Probe): monitoring leaves it out. */
  readonly probe?: true
}

/** A line that monitoring can use. */
export interface ScoredRecord extends JournalRecord {
  readonly score: number
}

/** A tensor in the journal. A large one is kept by its shape alone; whole numbers beyond 2^53, NaN and the infinities stand as text. */
export interface JournalTensor {
  readonly datatype: string
  readonly shape: readonly number[]
  readonly data?: readonly Scalar[]
}

/** `GET /deployments` of serving. */
export interface DeploymentState {
  readonly model: string
  readonly alias: string
  readonly version: string | null
  readonly shadows: readonly { readonly alias: string; readonly version: string }[]
  readonly state: 'ready' | 'loading' | 'failed' | 'absent'
  readonly reason?: string
  readonly predictions: number
  readonly swapped_at: string | null
  /** The present rollout, or the last. */
  readonly rollout?: RolloutState
}
