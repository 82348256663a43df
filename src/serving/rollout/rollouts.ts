import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError } from '../../../sdk/http.ts'
import type { RolloutAction, RolloutRequest, RolloutState } from '../../api/rollouts.ts'
import type { DeploymentState } from '../../api/serving.ts'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import type { ArmReport } from './counts.ts'
import { Engine, type EngineOptions } from './engine.ts'
import type { Lane } from './lane.ts'

/** How often what is counted is saved and the policy looks, in wall time. */
const LOOK_MS = 500
/** The monitor first takes over what serving has journaled: it is asked again after so many times as long as it took, and never sooner than after the least. */
const ASK_AGAIN = { times: 20, leastMs: 5000 } as const

/** The rollouts of all deployments that have a policy: looks at each again and again, and obeys commands. */
export class Rollouts {
  readonly #lanes: ReadonlyMap<string, Lane>
  readonly #options: EngineOptions
  readonly #engine: Engine
  readonly #turns = new Map<Lane, Promise<void>>()
  /** When the monitor was asked: project time that its answer covers, wall time from which it may be asked again, and whether it is being asked. */
  readonly #asked = new Map<Lane, { covers: number; againAt: number; asking: boolean }>()
  /** Up to which project time all was done. */
  readonly #done = new Map<Lane, number>()
  readonly #stop = new AbortController()
  #looking: Promise<void> = Promise.resolve()

  constructor(lanes: readonly Lane[], options: EngineOptions) {
    this.#lanes = new Map(lanes.map((lane) => [lane.model, lane]))
    this.#options = options
    this.#engine = new Engine(options)
  }

  get lanes(): readonly Lane[] {
    return [...this.#lanes.values()]
  }

  /** Divides requests as before the stop, then looks on by itself. */
  async start(): Promise<void> {
    for (const lane of this.lanes) await this.#engine.load(lane)
    if (this.lanes.length > 0) this.#looking = this.#lookOn()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#looking
    for (const lane of this.lanes) await this.#inTurn(lane, () => lane.save(this.#options.db))
  }

  /** Project time has moved, or a candidate has failed. */
  wake(model?: string): void {
    for (const lane of this.lanes) if (model === undefined || lane.model === model) void this.#look(lane)
  }

  /** A request to a candidate has failed. */
  failed(model: string): void {
    const lane = this.#lanes.get(model)
    if (lane && this.#engine.condemn(lane)) void this.#look(lane)
  }

  /** What another process counted. */
  counted(report: ArmReport): void {
    this.#lanes.get(report.model)?.merge(report)
  }

  /** Where project time is simulated: what is due at it and not done. */
  waitingFor(): readonly string[] {
    if (!this.#options.clock.simulated) return []
    const now = this.#options.clock.project().getTime()
    return this.lanes.flatMap((lane) => (lane.live && (this.#done.get(lane) ?? -Infinity) < now ? [`the rollout of ${lane.model}${lane.trouble === undefined ? '' : ` (${lane.trouble})`}`] : []))
  }

  /** The present rollout of the model, or the last; null where there was none. NOT_FOUND where it has no policy. */
  state(model: string): RolloutState | null {
    return this.#engine.state(this.#lane(model))
  }

  /** Deployments with how far their rollouts are. */
  describe(states: readonly DeploymentState[]): readonly DeploymentState[] {
    return states.map((state) => {
      const lane = this.#lanes.get(state.model)
      const rollout = lane && this.#engine.state(lane)
      return rollout ? { ...state, rollout } : state
    })
  }

  /** May be repeated: what is so already changes nothing. CONFLICT where the rollout is past it. */
  async act(model: string, action: RolloutAction, request: RolloutRequest): Promise<RolloutState> {
    const lane = this.#lane(model)
    try {
      await this.#inTurn(lane, () => this.#engine[action](lane, request))
    } catch (error) {
      throw error instanceof ApiError ? new MillraceError(error.status >= 500 ? 'UPSTREAM_FAILED' : 'CONFLICT', `tracking: ${error.message}`, { cause: error }) : error
    }
    const state = this.#engine.state(lane)
    if (!state) throw new MillraceError('INTERNAL', `the rollout of ${model} is gone`)
    return state
  }

  #lane(model: string): Lane {
    const lane = this.#lanes.get(model)
    if (lane) return lane
    throw new MillraceError('NOT_FOUND', `millrace.yaml has no rollout for ${model}: add deployments[].rollout`)
  }

  async #lookOn(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      for (const lane of this.lanes) await this.#look(lane)
      await sleep(LOOK_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined)
    }
  }

  async #look(lane: Lane): Promise<void> {
    const { clock, log } = this.#options
    const now = clock.project().getTime()
    const stale = this.#ask(lane, now)
    try {
      await this.#inTurn(lane, () => this.#engine.pass(lane, stale))
      if (stale) return
      lane.trouble = undefined
      this.#done.set(lane, now)
    } catch (error) {
      lane.trouble = errorMessage(error)
      log.warn({ model: lane.model, reason: lane.trouble }, 'the rollout must wait')
    }
  }

  /** Asks the monitor where that is due, without waiting for it: a command must not. Returns whether what is known is too old to decide by. */
  #ask(lane: Lane, now: number): boolean {
    const { clock, compare } = this.#options
    const row = lane.live
    if (!row || !lane.config.analysis.quality) return false
    const asked = this.#asked.get(lane) ?? { covers: -Infinity, againAt: 0, asking: false }
    this.#asked.set(lane, asked)
    const stale = clock.simulated && asked.covers < now
    if (asked.asking || !(stale || performance.now() >= asked.againAt)) return stale
    asked.asking = true
    const began = performance.now()
    void compare(lane, row)
      .then((comparison) => {
        if (lane.live?.rollout_id === row.rollout_id) lane.quality = comparison
        asked.covers = now
      })
      .catch((error: unknown) => {
        lane.trouble = `the monitor: ${errorMessage(error)}`
      })
      .finally(() => {
        asked.asking = false
        asked.againAt = performance.now() + Math.max(ASK_AGAIN.leastMs, ASK_AGAIN.times * (performance.now() - began))
        if (!this.#stop.signal.aborted && asked.covers === now) void this.#look(lane)
      })
    return stale
  }

  #inTurn(lane: Lane, work: () => Promise<void>): Promise<void> {
    const done = (this.#turns.get(lane) ?? Promise.resolve()).then(work)
    this.#turns.set(
      lane,
      done.catch(() => undefined),
    )
    return done
  }
}
