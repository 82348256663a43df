import type { EventType, LoggedEvent } from '../../api/events.ts'
import type { Candidate } from '../../api/monitor.ts'
import type { AliasMove, OverviewVersion } from '../../api/overview.ts'

/** The event types that tell how versions came to be, were judged and were moved. */
export const HISTORY_TYPES = [
  'dev.millrace.model.version.created',
  'dev.millrace.gate.decided',
  'dev.millrace.model.alias.moved',
  'dev.millrace.run.finished',
] as const satisfies readonly EventType[]

export interface History {
  readonly versions: readonly OverviewVersion[]
  readonly moves: readonly AliasMove[]
}

/** The versions of `model` and the moves of its aliases, newest first, from events newest first. Who judged is in the events; why, the monitor knows. */
export function modelHistory(model: string, events: readonly LoggedEvent[], candidates: readonly Candidate[]): History {
  const metrics = new Map<string, Readonly<Record<string, number>>>()
  for (const { event } of events) if (isOf(event, 'dev.millrace.run.finished')) metrics.set(event.data.run_id, event.data.metrics)
  const moves = aliasMoves(model, events)
  const aliases = currentAliases(moves)
  const gates = events.flatMap(({ event }) =>
    isOf(event, 'dev.millrace.gate.decided') && event.data.model === model
      ? [{ version: event.data.version, gate: event.data.gate, passed: event.data.passed, checks: event.data.checks, at: event.projecttime }]
      : [],
  )
  const versions = events.flatMap(({ event }): OverviewVersion[] => {
    if (!isOf(event, 'dev.millrace.model.version.created') || event.data.model !== model) return []
    const { version, run_id: runId } = event.data
    const candidate = candidates.find((one) => one.version === version)
    const judged = gates.filter((gate) => gate.version === version).toReversed()
    return [
      {
        version,
        run_id: runId,
        created_at: event.projecttime,
        reason: version === '1' ? 'first' : (candidate?.reason ?? 'registered'),
        state: candidate?.state ?? null,
        shadow_until: candidate?.shadow_until ?? null,
        gates: judged.map(({ version: _version, ...gate }) => gate),
        aliases: [...aliases].filter(([, holder]) => holder === version).map(([alias]) => alias),
        metrics: (runId === null ? undefined : metrics.get(runId)) ?? {},
      },
    ]
  })
  return { versions, moves }
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

/** Narrows an event by its type. */
export function isOf<T extends EventType>(event: LoggedEvent['event'], type: T): event is LoggedEvent<T>['event'] {
  return event.type === type
}
