import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { Lineage } from '../../../src/api/registry.ts'
import { formatDate, formatTime } from '../shared/format.ts'
import { Panel } from '../shared/panel.tsx'
import { formatFigure, fromDouble } from '../tracking/values.ts'
import { VersionLink } from './moves.tsx'

const MOST_METRICS = 6
const MOST_FEATURES = 12

/** From the data through the run to the version, and on to the aliases that named it. */
export function LineagePanel({ lineage }: { readonly lineage: Lineage }) {
  const { run, held, copies, copy_of: original, model } = lineage
  const metrics = Object.entries(lineage.metrics).filter(([key]) => !key.startsWith('system/'))
  const moment = (text: string): string => `${formatDate(text)} ${formatTime(text)}`
  return (
    <Panel id="lineage" title="Where it comes from, and where it went">
      <ol className="lineage">
        <Stop title="Data">
          <Lines
            lines={[
              ...Object.entries(lineage.data).map(([path, hash]) => line(path, <code title={hash}>{hash.slice(0, 10)}</code>)),
              ...lineage.datasets.map(({ name, digest, context }) => line(`${name}${context === null ? '' : ` (${context})`}`, <code title={digest}>{digest.slice(0, 10)}</code>)),
              ...fact('Window', lineage.training_window === null ? null : `${lineage.training_window.from ?? ''} – ${lineage.training_window.to ?? ''}`),
              ...fact('Contract', lineage.contract),
            ]}
            none="Not recorded"
          />
          {lineage.features.length === 0 ? null : (
            <p className="quiet" title={lineage.features.join('\n')}>
              {lineage.features.length} features: {lineage.features.slice(0, MOST_FEATURES).join(', ')}
              {lineage.features.length > MOST_FEATURES ? ' …' : ''}
            </p>
          )}
        </Stop>
        <Stop title="Run">
          {run === null ? (
            <p className="quiet">No run is recorded.</p>
          ) : (
            <p>
              <Link to="/experiments/$experimentId/runs/$runId" params={{ experimentId: run.experiment_id, runId: run.run_id }}>
                {run.name}
              </Link>{' '}
              <span className="quiet">
                {run.user === '' ? '' : `${run.user}, `}
                {moment(run.started)}
              </span>
            </p>
          )}
          <Lines
            lines={[
              ...fact('Commit', lineage.commit === null ? null : <code title={lineage.commit}>{lineage.commit.slice(0, 10)}</code>),
              ...fact('Execution', lineage.execution),
              ...fact('Why', lineage.reason),
              ...metrics.slice(0, MOST_METRICS).map(([key, value]) => line(key, formatFigure(fromDouble(value)))),
            ]}
            none=""
          />
        </Stop>
        <Stop title={`Version ${lineage.version}`} here>
          <Lines
            lines={[
              line('Registered', moment(lineage.created)),
              ...fact('Stage', lineage.stage === 'None' ? null : lineage.stage),
              ...fact('Digest', lineage.digest === null ? null : <code title={lineage.digest}>{lineage.digest.slice(0, 10)}</code>),
              ...fact('Logged model', lineage.logged_model),
              ...fact('Copy of', original === null ? null : <VersionLink name={original.model} version={original.version} />),
              ...copies.map((copy) => line(`Copied to ${copy.model}`, <VersionLink name={copy.model} version={copy.version} />)),
            ]}
            none=""
          />
        </Stop>
        <Stop title="Aliases">
          {held.length === 0 ? <p className="quiet">No alias has named it.</p> : null}
          <ul className="held">
            {held.map(({ alias, from, until, actor, reason }) => (
              <li key={`${alias} ${from}`}>
                <b>{alias}</b> {until === null ? <span className="verdict verdict-passed">now</span> : null}
                <div>
                  {moment(from)} – {until === null ? '' : moment(until)}
                </div>
                <div className="quiet">
                  {actor}
                  {reason === '' ? '' : `: ${reason}`}
                </div>
              </li>
            ))}
          </ul>
          <p>
            <Link to="/models/$name" params={{ name: model }} hash="moves">
              The whole history
            </Link>
          </p>
        </Stop>
      </ol>
    </Panel>
  )
}

interface Line {
  readonly name: string
  readonly value: ReactNode
}

const line = (name: string, value: ReactNode): Line => ({ name, value })
const fact = (name: string, value: ReactNode | null): readonly Line[] => (value === null || value === '' ? [] : [{ name, value }])

function Stop({ title, here = false, children }: { readonly title: string; readonly here?: boolean; readonly children: ReactNode }) {
  return (
    <li className={here ? 'stop stop-here' : 'stop'}>
      <h3>{title}</h3>
      {children}
    </li>
  )
}

function Lines({ lines, none }: { readonly lines: readonly Line[]; readonly none: string }) {
  if (lines.length === 0) return none === '' ? null : <p className="quiet">{none}</p>
  return (
    <dl className="lines">
      {lines.map(({ name, value }, i) => (
        <div key={`${i} ${name}`}>
          <dt title={name}>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
