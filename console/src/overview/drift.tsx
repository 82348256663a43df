import type { DriftSeries } from '../../../src/api/monitor.ts'
import type { Overview } from '../../../src/api/overview.ts'
import { formatDate, formatScore } from '../shared/format.ts'
import { Empty, Panel, PartError } from '../shared/panel.tsx'
import { HeatMap } from './heat-map.tsx'

export function DriftPanel({ overview }: { overview: Overview }) {
  const { value, error } = overview.drift
  return (
    <Panel id="drift" title="Drift by feature" lead="How far each week's data lies from what the champion was trained on. A promotion brings a new reference.">
      {value === undefined ? (
        <PartError model={overview.model} error={error} />
      ) : value.windows.length === 0 ? (
        <Empty title="No week has ended yet">
          At the end of each window the monitor compares what was asked with the training data, feature by feature, and writes a report. Its length is <code>monitors[].window</code> in <code>millrace.yaml</code>.
        </Empty>
      ) : (
        <>
          <HeatMap drift={value} />
          <DriftTable drift={value} />
        </>
      )}
    </Panel>
  )
}

function DriftTable({ drift }: { drift: DriftSeries }) {
  return (
    <details className="as-table">
      <summary>The same as a table</summary>
      <div className="table-scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Column</th>
              {drift.windows.map((window) => (
                <th scope="col" key={window.report_id}>
                  {formatDate(window.start)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {drift.columns.map((row) => (
              <tr key={row.column}>
                <th scope="row">{row.column}</th>
                {row.cells.map((cell, i) => (
                  <td key={drift.windows[i]?.report_id ?? i} className={cell?.drifted ? 'drifted' : undefined}>
                    {formatScore(cell?.score, 2)}
                    {cell?.drifted ? <span className="hidden"> drifted</span> : null}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  )
}
