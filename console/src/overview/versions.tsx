import type { AliasMove, Overview, OverviewGate, OverviewVersion } from '../../../src/api/overview.ts'
import { formatDate, formatDay, formatScore, formatTime } from '../shared/format.ts'
import { Empty, Panel } from '../shared/panel.tsx'

const REASONS: Readonly<Record<string, string>> = {
  first: 'first model',
  drift: 'drift',
  degraded: 'degraded',
  schedule: 'schedule',
  submitted: 'submitted',
  registered: 'registered',
}
const GATES = { candidate: 'at the gate', promotion: 'after shadow' } as const

/** Each version with why it was made and how it was judged; each move of an alias with who moved it. */
export function VersionsPanel({ overview }: { overview: Overview }) {
  const { versions, moves } = overview
  return (
    <Panel id="versions" title="Versions" lead="Why each was made, what the gates said, and who moved the alias.">
      {versions.length === 0 ? (
        <Empty title="No version is registered yet">
          <code>millrace repro</code> trains one. The gate judges it, and the first that passes becomes {overview.alias}.
        </Empty>
      ) : (
        <div className="table-scroll">
          <table className="versions">
            <thead>
              <tr>
                <th scope="col">Version</th>
                <th scope="col">Made</th>
                <th scope="col">Why</th>
                <th scope="col" className="number">
                  AUC held out
                </th>
                <th scope="col">Gates</th>
                <th scope="col">State</th>
              </tr>
            </thead>
            <tbody>
              {versions.map((version) => (
                <VersionRow key={version.version} version={version} champion={overview.alias} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {moves.length === 0 ? null : (
        <>
          <h3>Who moved the alias</h3>
          <Moves moves={moves.filter(({ alias }) => alias === overview.alias)} alias={overview.alias} />
          <OtherMoves moves={moves.filter(({ alias }) => alias !== overview.alias)} />
        </>
      )}
    </Panel>
  )
}

function Moves({ moves, alias }: { moves: readonly AliasMove[]; alias?: string }) {
  return (
    <ol className="moves">
      {moves.map((move) => (
        <li key={move.position} className={move.alias === alias ? 'move-champion' : ''}>
          <time dateTime={move.at}>{formatDate(move.at)}</time>
          <span className="move-what">
            <b>{move.alias}</b> {move.previous === null ? '' : `v${move.previous} `}→ {move.version === null ? 'none' : `v${move.version}`}
          </span>
          <span className="move-who">
            {move.actor}
            {move.reason === '' ? '' : `: ${move.reason}`}
          </span>
        </li>
      ))}
    </ol>
  )
}

/** Challengers come and go with every candidate: kept at hand, out of the way of the story. */
function OtherMoves({ moves }: { moves: readonly AliasMove[] }) {
  if (moves.length === 0) return null
  return (
    <details className="as-table">
      <summary>
        {moves.length} {moves.length === 1 ? 'move' : 'moves'} of other aliases
      </summary>
      <Moves moves={moves} />
    </details>
  )
}

function VersionRow({ version, champion }: { version: OverviewVersion; champion: string }) {
  return (
    <tr className={version.aliases.includes(champion) ? 'is-champion' : undefined}>
      <th scope="row">v{version.version}</th>
      <td>
        <time dateTime={version.created_at} title={`${formatDate(version.created_at)} ${formatTime(version.created_at)} UTC`}>
          {formatDate(version.created_at)}
        </time>
      </td>
      <td>{REASONS[version.reason] ?? version.reason}</td>
      <td className="number">{formatScore(heldOut(version))}</td>
      <td>
        {version.gates.length === 0 ? <span className="quiet">not judged yet</span> : version.gates.map((gate) => <Gate key={`${gate.gate}-${gate.at}`} gate={gate} />)}
      </td>
      <td>
        <VersionState version={version} champion={champion} />
      </td>
    </tr>
  )
}

function Gate({ gate }: { gate: OverviewGate }) {
  const held = gate.checks.filter((check) => check.passed).length
  const failing = gate.checks.filter((check) => !check.passed)
  return (
    <details className="gate">
      <summary>
        <span className={`verdict ${gate.passed ? 'verdict-passed' : 'verdict-refused'}`}>
          {gate.passed ? '✓' : '✕'} {gate.passed ? 'passed' : 'refused'} {GATES[gate.gate]}
        </span>{' '}
        <span className="quiet">{failing.length > 0 ? failing.map((check) => check.name).join(', ') : `${held} of ${gate.checks.length}`}</span>
      </summary>
      <ul className="checks">
        {gate.checks.map((check) => (
          <li key={check.name}>
            <span aria-label={check.passed ? 'holds' : 'fails'}>{check.passed ? '✓' : '✕'}</span> <b>{check.name}</b> {typeof check.value === 'number' ? formatScore(check.value, 4) : check.value}{' '}
            <span className="quiet">{check.rule}</span>
          </li>
        ))}
      </ul>
    </details>
  )
}

function VersionState({ version, champion }: { version: OverviewVersion; champion: string }) {
  const aliases = version.aliases.map((alias) => (
    <span key={alias} className={`badge ${alias === champion ? 'badge-champion' : ''}`}>
      {alias}
    </span>
  ))
  if (version.state === 'shadowing') {
    return (
      <>
        {aliases} <span className="quiet">in shadow{version.shadow_until === null ? '' : ` until ${formatDay(version.shadow_until)}`}</span>
      </>
    )
  }
  return (
    <>
      {aliases} {version.aliases.includes(champion) ? null : <span className="quiet">{version.state ?? ''}</span>}
    </>
  )
}

function heldOut(version: OverviewVersion): number | undefined {
  const names = Object.keys(version.metrics).filter((name) => /(?:^|[._/-])auc$/.test(name))
  const name = names.find((one) => one === 'auc') ?? names.find((one) => one.startsWith('holdout')) ?? names[0]
  return name === undefined ? undefined : version.metrics[name]
}
