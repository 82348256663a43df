import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { Suspense, lazy, useEffect, useState } from 'react'
import type { AliasMove, ModelVersion } from '../../../src/api/tracking.ts'
import { formatMoment } from '../runs/cells.ts'
import { formatDate, formatTime } from '../shared/format.ts'
import { Frame } from '../shared/frame.tsx'
import { Empty, Panel } from '../shared/panel.tsx'
import { isNoEndpoint } from '../tracking/ask.ts'
import { Alias, sortedAliases } from './alias.tsx'
import { ActDialog } from './dialog.tsx'
import { Moves, VersionLink } from './moves.tsx'
import { getModel, movesOf, rollBack, versionsOf } from './registry.ts'
import { aliasesOf, moveAt } from './tenures.ts'

const MarkdownView = lazy(async () => ({ default: (await import('../artifacts/markdown.tsx')).MarkdownView }))
const Timeline = lazy(async () => ({ default: (await import('./timeline.tsx')).Timeline }))

/** One registered model: its versions, and the whole story of its aliases. */
export function ModelPage() {
  const { name } = useParams({ from: '/models/$name' })
  const model = useQuery({ queryKey: ['registry', 'model', name], queryFn: ({ signal }) => getModel(name, signal) })
  const versions = useQuery({ queryKey: ['registry', 'versions', name], queryFn: ({ signal }) => versionsOf(name, signal) })
  const moves = useQuery({ queryKey: ['registry', 'moves', name], queryFn: ({ signal }) => movesOf(name, signal), retry: false })
  useEffect(() => {
    document.title = `${name} · Millrace`
  }, [name])
  const champion = model.data?.aliases?.find(({ alias }) => alias === 'champion')?.version
  const before = (moves.data ?? []).some(({ alias, previous }) => alias === 'champion' && previous !== null)
  return (
    <Frame skip="Skip to the model">
      <div className="page-head page-head-actions">
        <nav aria-label="Where this is" className="crumbs">
          <Link to="/models">Models</Link>
        </nav>
        <h1>{name}</h1>
        {sortedAliases(model.data?.aliases).map(({ alias, version }) => (
          <Alias key={alias} alias={alias} version={String(version)} />
        ))}
        {champion === undefined || !before ? null : (
          <ActDialog button="Roll back" title={`Roll ${name} back`} confirm="Roll back" act={(by) => rollBack(name, 'champion', String(champion), by)}>
            <p>champion leaves v{champion} for the version that held it before, in one transaction. No gate is asked. Serving follows by itself.</p>
          </ActDialog>
        )}
      </div>
      {model.error !== null && model.data === undefined ? (
        <Empty title="This model cannot be had" error>
          {model.error.message}
        </Empty>
      ) : null}
      {model.data?.description === undefined || model.data.description === '' ? null : (
        <Suspense fallback={null}>
          <MarkdownView text={model.data.description} />
        </Suspense>
      )}
      {moves.data === undefined || moves.data.length === 0 ? null : (
        <Panel id="time" title="Which version, when" lead="Each bar is a version's time under an alias." actions={<ChampionAt moves={moves.data} name={name} />}>
          <Suspense fallback={null}>
            <Timeline moves={moves.data} />
          </Suspense>
        </Panel>
      )}
      <div className="side-by-side">
        <Panel id="versions" title="Versions" lead={versions.data === undefined ? '' : `${versions.data.length} in all, the newest first.`}>
          {versions.data?.length === 0 ? <Empty title="No version yet">Register one: mlflow.register_model, or mlflow.MODEL.log_model with registered_model_name.</Empty> : null}
          {versions.data === undefined || versions.data.length === 0 ? null : <VersionsTable versions={versions.data} />}
        </Panel>
        <Panel id="moves" title="Who moved the aliases">
          {moves.error !== null ? (
            <p className="quiet">{isNoEndpoint(moves.error) ? 'This server keeps no history of aliases.' : moves.error.message}</p>
          ) : moves.data?.length === 0 ? (
            <Empty title="No alias has been set">champion is the alias that serving looks for.</Empty>
          ) : (
            <Moves name={name} moves={moves.data ?? []} />
          )}
        </Panel>
      </div>
    </Frame>
  )
}

function VersionsTable({ versions }: { readonly versions: readonly ModelVersion[] }) {
  const staged = versions.some(({ current_stage: stage }) => stage !== 'None' && stage !== '')
  return (
    <div className="table-scroll">
      <table className="list version-list">
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col">Aliases</th>
            {staged ? <th scope="col">Stage</th> : null}
            <th scope="col">Registered</th>
            <th scope="col">Sealed</th>
            <th scope="col">Description and tags</th>
          </tr>
        </thead>
        <tbody>
          {versions.map((version) => (
            <tr key={version.version} className={(version.aliases ?? []).includes('champion') ? 'is-champion' : ''}>
              <th scope="row">
                <VersionLink name={version.name} version={String(version.version)} />
              </th>
              <td className="wraps">
                {(version.aliases ?? []).map((alias) => (
                  <Alias key={alias} alias={alias} />
                ))}
              </td>
              {staged ? <td>{version.current_stage}</td> : null}
              <td>{formatMoment(version.creation_timestamp)}</td>
              <td>{version.digest === undefined ? <span className="quiet">no</span> : <code title={version.digest}>{version.digest.slice(0, 8)}</code>}</td>
              <td className="wraps">
                {version.description === undefined || version.description === '' ? null : <span>{version.description.slice(0, 160)} </span>}
                {(version.tags ?? []).slice(0, 4).map(({ key, value }) => (
                  <span className="badge" key={key}>
                    {key}: {value.slice(0, 60)}
                  </span>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** Which version an alias named at a moment. */
function ChampionAt({ name, moves }: { readonly name: string; readonly moves: readonly AliasMove[] }) {
  const [alias, setAlias] = useState('champion')
  const [moment, setMoment] = useState('')
  const time = moment === '' ? undefined : Date.parse(`${moment}Z`)
  const move = time === undefined ? undefined : moveAt(moves, alias, time)
  return (
    <div className="labelled champion-at">
      <select className="choice" aria-label="Alias" value={alias} onChange={(event) => setAlias(event.target.value)}>
        {aliasesOf(moves).map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
      <span>at</span>
      <input className="text-input" type="datetime-local" aria-label="Moment, UTC" value={moment} onChange={(event) => setMoment(event.target.value)} />
      <output>{time === undefined ? 'UTC' : move === undefined || move.version === null ? 'was none' : <>was <VersionLink name={name} version={move.version} /> <span className="quiet">since {formatDate(move.time)} {formatTime(move.time)}</span></>}</output>
    </div>
  )
}
