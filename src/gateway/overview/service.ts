import type { EventType, LoggedEvent } from '../../api/events.ts'
import type { Overview } from '../../api/overview.ts'
import type { ProjectConfig } from '../../domain/config.ts'
import type { Clock } from '../../platform/clock/index.ts'
import type { ServiceName } from '../../platform/config/index.ts'
import type { TraceHeaders } from '../../platform/tracing/index.ts'
import type { EventStore } from '../event-log/index.ts'
import { HISTORY_TYPES, isOf, modelHistory } from './history.ts'
import { PartsOfModel } from './parts.ts'
import { type LogSummary, loopSteps } from './steps.ts'

export interface OverviewOptions {
  readonly config: ProjectConfig
  readonly clock: Clock
  readonly store: EventStore
  readonly url: (service: ServiceName) => string
}

/** Ten pages that are open at once ask the services once. */
const KEPT_MS = 500
/** Predictions that arrived so lately count as flowing. */
const FLOWING_MS = 4000
const HISTORY_EVENTS = 1000
const RECENT_EVENTS = 40
const CHECKS = 50
const ROLLOUTS = 20

/** Composes the overview from the event log and what the services answer. */
export class OverviewService {
  readonly #options: OverviewOptions
  readonly #kept = new Map<string | null, { readonly at: number; readonly answer: Promise<Overview> }>()
  readonly #parts = new Map<string | null, PartsOfModel>()
  readonly #traffic = new Map<string | null, { readonly predictions: number; readonly grewAt: number }>()

  constructor(options: OverviewOptions) {
    this.#options = options
  }

  /** The models that the project's configuration names. */
  models(): readonly string[] {
    const { deployments, monitors, retraining } = this.#options.config
    return [...new Set([...deployments, ...monitors, ...retraining].map(({ model }) => model))]
  }

  /** As of half a second ago at most. `trace` is carried by what is asked for it. */
  overview(model: string | null, trace?: TraceHeaders): Promise<Overview> {
    const kept = this.#kept.get(model)
    if (kept !== undefined && Date.now() - kept.at < KEPT_MS) return kept.answer
    const answer = this.#compose(model, trace)
    this.#kept.set(model, { at: Date.now(), answer })
    return answer
  }

  async #compose(model: string | null, trace: TraceHeaders | undefined): Promise<Overview> {
    const { config, clock, store } = this.#options
    const [parts, log, position, history, recent] = await Promise.all([
      this.#partsOf(model).ask(trace),
      summarise(store),
      store.head(),
      store.before(undefined, HISTORY_EVENTS, { types: HISTORY_TYPES }),
      store.before(undefined, RECENT_EVENTS),
    ])
    const alias = config.deployments.find((deployment) => deployment.model === model)?.alias ?? 'champion'
    const told = model === null ? { versions: [], moves: [] } : modelHistory(model, alias, history.events, parts.candidates.value ?? [])
    const predictions = parts.deployments.value?.find((deployment) => deployment.model === model)?.predictions ?? 0
    const flowing = this.#isFlowing(model, predictions)
    return {
      project: config.project,
      models: this.models(),
      model,
      time: clock.project().toISOString(),
      simulated: clock.simulated,
      position,
      alias,
      steps: loopSteps({ log, parts, history: told, alias, model, flowing }),
      performance: parts.performance,
      drift: parts.drift,
      versions: told.versions,
      moves: told.moves,
      events: recent.events,
      services: parts.services,
    }
  }

  #partsOf(model: string | null): PartsOfModel {
    const parts = this.#parts.get(model) ?? new PartsOfModel(this.#options.url, model)
    this.#parts.set(model, parts)
    return parts
  }

  #isFlowing(model: string | null, predictions: number): boolean {
    const before = this.#traffic.get(model)
    const now = Date.now()
    // What was there when we first looked is no sign of traffic.
    const grewAt = before === undefined ? 0 : predictions > before.predictions ? now : before.grewAt
    this.#traffic.set(model, { predictions, grewAt })
    return now - grewAt < FLOWING_MS
  }
}

const TOLD_TYPES = [
  'dev.millrace.dataset.versioned',
  'dev.millrace.run.finished',
  'dev.millrace.gate.decided',
] as const satisfies readonly EventType[]

async function summarise(store: EventStore): Promise<LogSummary> {
  const [counts, newest, checks, rollouts] = await Promise.all([
    store.countByType(TOLD_TYPES),
    Promise.all(TOLD_TYPES.map(async (type) => [type, (await store.before(undefined, 1, { types: [type] })).events[0]] as const)),
    store.before(undefined, CHECKS, { types: ['dev.millrace.contract.checked'] }),
    store.before(undefined, ROLLOUTS, { types: ['dev.millrace.deployment.rolled_out'] }),
  ])
  return {
    counts,
    newest: new Map(newest.flatMap(([type, event]): [string, LoggedEvent][] => (event === undefined ? [] : [[type, event]]))),
    checks: checks.events.flatMap(({ event }) => (isOf(event, 'dev.millrace.contract.checked') ? [event] : [])),
    rollouts: rollouts.events.flatMap(({ event }) => (isOf(event, 'dev.millrace.deployment.rolled_out') ? [event] : [])),
  }
}
