import type { EventType, LoggedEvent } from '../../api/events.ts'
import type { Candidate, CandidateState } from '../../api/monitor.ts'
import type { AliasMove, OverviewVersion } from '../../api/overview.ts'

/** The event types that tell how versions came to be, were judged and were moved. */
export const HISTORY_TYPES = [
  'dev.millrace.model.version.created',
  'dev.millrace.gate.decided',
  'dev.millrace.model.alias.moved',
  'dev.millrace.run.finished',
  'dev.millrace.retraining.requested',
  'dev.millrace.execution.finished',
] as const satisfies readonly EventType[]

export interface History {
  readonly versions: readonly OverviewVersion[]
  readonly moves: readonly AliasMove[]
}

/**
 * The versions of `model` and the moves of its aliases, newest first, from events newest first; `champion` is the alias that answers. The log tells the whole story; `candidates`, where
 * the monitor could be asked, adds what is no event: how long a shadow lasts, and who is executing or at the gate right now.
 */
export function modelHistory(model: string, champion: string, events: readonly LoggedEvent[], candidates: readonly Candidate[]): History {
  const metrics = new Map(ofType(events, 'dev.millrace.run.finished').map(({ data }) => [data.run_id, data.metrics]))
  const moves = aliasMoves(model, events)
  const aliases = currentAliases(moves)
  const decided = ofType(events, 'dev.millrace.gate.decided').filter(({ data }) => data.model === model)
  const reasons = retrainingReasons(model, events)
  const created = ofType(events, 'dev.millrace.model.version.created').filter(({ data }) => data.model === model)
  const versions = created.map(({ data: { version, run_id: runId }, projecttime }): OverviewVersion => {
    const candidate = candidates.find((one) => one.version === version)
    const gates = decided.filter(({ data }) => data.version === version).toReversed()
    return {
      version,
      run_id: runId,
      created_at: projecttime,
      reason: version === '1' ? 'first' : (candidate?.reason ?? reasons.get(version) ?? 'registered'),
      state: candidate?.state ?? (moves.some((move) => move.alias === champion && move.version === version) ? 'promoted' : stateByGates(gates)),
      shadow_until: candidate?.shadow_until ?? null,
      gates: gates.map(({ data: { gate, passed, checks }, projecttime: at }) => ({ gate, passed, checks, at })),
      aliases: [...aliases].filter(([, holder]) => holder === version).map(([alias]) => alias),
      metrics: (runId === null ? undefined : metrics.get(runId)) ?? {},
    }
  })
  return { versions, moves }
}

/** Version → why its execution was asked for. */
function retrainingReasons(model: string, events: readonly LoggedEvent[]): ReadonlyMap<string, string> {
  const asked = new Map(ofType(events, 'dev.millrace.retraining.requested').map(({ data }) => [data.execution_id, data.reason]))
  const finished = ofType(events, 'dev.millrace.execution.finished').filter(({ data }) => data.model === model)
  return new Map(finished.flatMap(({ data }): [string, string][] => (data.version === null ? [] : [[data.version, asked.get(data.execution_id) ?? 'submitted']])))
}

function stateByGates(gates: readonly LoggedEvent<'dev.millrace.gate.decided'>['event'][]): CandidateState | null {
  const last = gates.at(-1)?.data
  if (last === undefined) return null
  if (!last.passed) return 'refused'
  return last.gate === 'promotion' ? 'promoted' : 'shadowing'
}

function aliasMoves(model: string, events: readonly LoggedEvent[]): readonly AliasMove[] {
  return events.flatMap(({ position, event }) => {
    if (!isOf(event, 'dev.millrace.model.alias.moved') || event.data.model !== model) return []
    const { alias, version, previous, actor, reason } = event.data
    return [{ position, alias, version, previous, actor, reason, at: event.projecttime }]
  })
}

function currentAliases(moves: readonly AliasMove[]): ReadonlyMap<string, string | null> {
  const aliases = new Map<string, string | null>()
  for (const { alias, version } of moves.toReversed()) aliases.set(alias, version)
  return aliases
}

function ofType<T extends EventType>(events: readonly LoggedEvent[], type: T): LoggedEvent<T>['event'][] {
  return events.flatMap(({ event }) => (isOf(event, type) ? [event] : []))
}

/** Narrows an event by its type. */
export function isOf<T extends EventType>(event: LoggedEvent['event'], type: T): event is LoggedEvent<T>['event'] {
  return event.type === type
}
