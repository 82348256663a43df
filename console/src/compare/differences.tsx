import { useState } from 'react'
import { titleOf } from '../runs/cells.ts'
import { type ColumnId, KINDS, type Kind } from '../tracking/keys.ts'
import { formatDuration, formatFigure } from '../tracking/values.ts'
import { PALETTE } from '../charts/metric-chart.tsx'
import { type ComparedRun, columnsOfRuns, differs } from './values.ts'

const HEADS: Readonly<Record<Kind, string>> = { params: 'Parameters', metrics: 'Metrics', attributes: 'Run', tags: 'Tags' }
const ORDER: readonly Kind[] = ['params', 'metrics', ...KINDS.filter((kind) => kind === 'attributes' || kind === 'tags')]

/** Runs side by side, and where they are not the same. */
export function Differences({ runs }: { readonly runs: readonly ComparedRun[] }) {
  const [all, setAll] = useState(false)
  const columns = columnsOfRuns(runs)
  const shown = all ? columns : columns.filter((column) => differs(runs, column))
  return (
    <>
      <div className="chart-bar">
        <label className="check">
          <input type="checkbox" checked={!all} onChange={(event) => setAll(!event.target.checked)} /> Only what differs
        </label>
        <span className="quiet">
          {columns.length - columns.filter((column) => differs(runs, column)).length} of {columns.length} are the same in all runs
        </span>
      </div>
      {shown.length === 0 ? <p className="quiet">Nothing differs.</p> : null}
      <div className="table-scroll differences" tabIndex={0} role="region" aria-label="Differences">
        <table>
          <thead>
            <tr>
              <th scope="col" />
              {runs.map(({ id, name, color }) => (
                <th scope="col" key={id} title={name}>
                  <i className={`swatch run-${color % PALETTE}`} aria-hidden="true" /> {name}
                </th>
              ))}
            </tr>
          </thead>
          {ORDER.map((kind) => {
            const own = shown.filter((column) => column.startsWith(`${kind}.`))
            return own.length === 0 ? null : (
              <tbody key={kind}>
                <tr className="kind-row">
                  <th scope="colgroup" colSpan={runs.length + 1}>
                    {HEADS[kind]}
                  </th>
                </tr>
                {own.map((column) => (
                  <DifferenceRow key={column} column={column} runs={runs} marked={all && differs(runs, column)} />
                ))}
              </tbody>
            )
          })}
        </table>
      </div>
    </>
  )
}

function DifferenceRow({ column, runs, marked }: { readonly column: ColumnId; readonly runs: readonly ComparedRun[]; readonly marked: boolean }) {
  return (
    <tr>
      <th scope="row" title={column}>
        {titleOf(column)}
      </th>
      {runs.map(({ id, values }) => {
        const value = values.get(column)
        const text = value === undefined ? '–' : typeof value === 'number' ? (column === 'attributes.duration' ? formatDuration(value * 1000) : formatFigure(value)) : value
        return (
          <td key={id} className={`${marked ? 'differs' : ''} ${value === undefined ? 'quiet' : ''}`} title={text.length > 24 ? text.slice(0, 1000) : undefined}>
            {text.slice(0, 120)}
          </td>
        )
      })}
    </tr>
  )
}
