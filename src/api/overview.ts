import type { GateCheck, LoggedEvent } from './events.ts'
import type { CandidateState, DriftSeries, PerformanceSeries } from './monitor.ts'

export type StepState = 'waiting' | 'running' | 'ok' | 'failed'

/** The steps of the loop, in the order in which the work flows. */
export type StepName = 'version' | 'validate' | 'features' | 'train' | 'track' | 'gate' | 'serve' | 'live' | 'watch' | 'retrain'

export interface OverviewStep {
  readonly name: StepName
  readonly title: string
  readonly state: StepState
  /** The one number or name to see from afar, and what it counts; null while there is none. */
  readonly figure: string | null
  readonly unit: string
  /** One line more. */
  readonly detail: string
  /** Project time of what is told, RFC 3339. */
  readonly at: string | null
}

/** What a part of the page is made of, or why it cannot be had. */
export type Part<T> = { readonly value: T; readonly error?: never } | { readonly error: string; readonly value?: never }

export interface OverviewGate {
  readonly gate: 'candidate' | 'promotion'
  readonly passed: boolean
  readonly checks: readonly GateCheck[]
  readonly at: string
}

export interface OverviewVersion {
  readonly version: string
  readonly run_id: string | null
  /** Project time, RFC 3339. */
  readonly created_at: string
  /** Why it was made: `first`, `drift`, `degraded`, `schedule`, `submitted`. */
  readonly reason: string
  /** null where no candidate is known by this version: nobody submitted it to the gate. */
  readonly state: CandidateState | null
  readonly shadow_until: string | null
  readonly gates: readonly OverviewGate[]
  /** The aliases that it bears now. */
  readonly aliases: readonly string[]
  /** Of its run. */
  readonly metrics: Readonly<Record<string, number>>
}

export interface AliasMove {
  readonly position: number
  readonly alias: string
  readonly version: string | null
  readonly previous: string | null
  readonly actor: string
  readonly reason: string
  /** Project time, RFC 3339. */
  readonly at: string
}

/** `GET /api/overview?model=M`: everything that the console's first page shows, of one moment. A part whose service is down carries its own error. */
export interface Overview {
  readonly project: string
  /** Names of all models that are served, watched or retrained; the one shown is `model`. */
  readonly models: readonly string[]
  readonly model: string | null
  /** Project time, RFC 3339, and whether a driver moves it. */
  readonly time: string
  readonly simulated: boolean
  /** Position of the event log. */
  readonly position: number
  readonly steps: readonly OverviewStep[]
  /** The alias that answers requests. */
  readonly alias: string
  readonly performance: Part<{ readonly week: PerformanceSeries; readonly month: PerformanceSeries }>
  readonly drift: Part<DriftSeries>
  /** Newest first. */
  readonly versions: readonly OverviewVersion[]
  /** Newest first. */
  readonly moves: readonly AliasMove[]
  /** Newest first. */
  readonly events: readonly LoggedEvent[]
  readonly services: readonly { readonly name: string; readonly up: boolean; readonly error?: string }[]
}
