import { Link } from '@tanstack/react-router'
import type { AliasMove } from '../../../src/api/tracking.ts'
import { formatDate, formatTime } from '../shared/format.ts'

/** Who moved which alias, when and why, the latest first. */
export function Moves({ name, moves }: { readonly name: string; readonly moves: readonly AliasMove[] }) {
  return (
    <ol className="moves moves-whole">
      {moves.toReversed().map((move) => (
        <li key={move.seq} className={move.alias === 'champion' ? 'move-champion' : ''}>
          <time dateTime={move.time} title={move.wall_time === move.time ? undefined : `on the clock: ${formatDate(move.wall_time)} ${formatTime(move.wall_time)}`}>
            {formatDate(move.time)} {formatTime(move.time)}
          </time>
          <span className="move-what">
            <b>{move.alias}</b> {move.previous === null ? '' : `v${move.previous} `}→ {move.version === null ? 'none' : <VersionLink name={name} version={move.version} />}
          </span>
          <span className="move-who">
            {move.kind === 'rollback' ? <span className="verdict verdict-refused">rolled back </span> : null}
            {move.actor}
            {move.reason === '' ? '' : `: ${move.reason}`}
            {move.overridden === undefined || move.overridden.length === 0 ? null : <span className="verdict-refused"> overrode {move.overridden.map(({ rule }) => rule).join(', ')}</span>}
          </span>
        </li>
      ))}
    </ol>
  )
}

export function VersionLink({ name, version }: { readonly name: string; readonly version: string }) {
  return (
    <Link to="/models/$name/versions/$version" params={{ name, version }}>
      v{version}
    </Link>
  )
}
