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

/** From move to move; what still holds is drawn to a little behind the last move of all. */
export function tenuresOf(moves: readonly AliasMove[]): readonly Tenure[] {
  const times = moves.map(({ time }) => Date.parse(time))
  const [first, last] = [Math.min(...times), Math.max(...times)]
  const end = last + Math.max(LEAST_SPAN_MS, (last - first) * 0.1)
  return moves.flatMap((move, i) => {
    if (move.version === null) return []
    const next = moves.slice(i + 1).find(({ alias }) => alias === move.alias)
    return [{ alias: move.alias, version: move.version, from: Date.parse(move.time), to: next === undefined ? end : Date.parse(next.time), open: next === undefined }]
  })
}

/** The move after which `alias` stood as it did at `time`. */
export function moveAt(moves: readonly AliasMove[], alias: string, time: number): AliasMove | undefined {
  return moves.findLast((move) => move.alias === alias && Date.parse(move.time) <= time)
}
