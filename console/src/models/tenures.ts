import type { AliasMove } from '../../../src/api/tracking.ts'

/** A version's time under an alias, in milliseconds since 1970. */
export interface Tenure {
  readonly alias: string
  readonly version: string
  readonly from: number
  readonly to: number
  /** It goes on. */
  readonly open: boolean
}

/** So that what was only just moved can be seen. */
const LEAST_SPAN_MS = 60_000

/** champion first, then as they came into being. */
export function aliasesOf(moves: readonly AliasMove[]): readonly string[] {
  return [...new Set(moves.map(({ alias }) => alias))].sort((a, b) => Number(b === 'champion') - Number(a === 'champion'))
}

/**
 * From move to move; what still holds is drawn to a little behind the last move of all. Moves go in the order in which they were made: one that says an earlier
 * moment than the move before it (project time may) counts from that one's.
 */
export function tenuresOf(moves: readonly AliasMove[]): readonly Tenure[] {
  const times: number[] = []
  for (const { time } of moves) times.push(Math.max(Date.parse(time), times.at(-1) ?? Number.NEGATIVE_INFINITY))
  const [first = 0, last = 0] = [times[0], times.at(-1)]
  const end = last + Math.max(LEAST_SPAN_MS, (last - first) * 0.1)
  return moves.flatMap((move, i) => {
    if (move.version === null) return []
    const next = moves.findIndex(({ alias }, j) => j > i && alias === move.alias)
    return [{ alias: move.alias, version: move.version, from: times[i] ?? first, to: times[next] ?? end, open: next === -1 }]
  })
}

/** The move after which `alias` stood as it did at `time`. */
export function moveAt(moves: readonly AliasMove[], alias: string, time: number): AliasMove | undefined {
  return moves.findLast((move) => move.alias === alias && Date.parse(move.time) <= time)
}
