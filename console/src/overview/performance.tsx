import { useMemo } from 'react'
import type { PerformanceSeries } from '../../../src/api/monitor.ts'
import type { Overview } from '../../../src/api/overview.ts'
import { formatCount, formatDate, formatScore } from '../shared/format.ts'
import { Empty, Panel, PartError } from '../shared/panel.tsx'
import { Segmented } from '../shared/segmented.tsx'
import { LineChart } from './line-chart.tsx'
import { type Metric, makeChart, promotions, withoutSlivers } from './series.ts'

type Period = 'week' | 'month'

interface PerformanceProps {
  readonly overview: Overview
  readonly by: Period
  readonly onBy: (by: Period) => void
}

const PERIODS = [
  { value: 'week', label: 'Weeks' },
  { value: 'month', label: 'Months' },
] as const

/** The model that was never replaced against the one that the loop keeps fresh, on the same flights. */
export function PerformancePanel({ overview, by, onBy }: PerformanceProps) {
  const { value, error } = overview.performance
  const series = value?.[by]
  return (
    <Panel
      id="performance"
      title="Frozen against fresh"
      lead="The first model, never replaced, and the loop's champion, on the same labelled rows. Dotted lines are promotions."
      actions={<Segmented label="Period" options={PERIODS} value={by} onChange={onBy} />}
    >
      {series === undefined ? (
        <PartError model={overview.model} error={error} />
      ) : series.points.every(({ rows }) => rows === 0) ? (
        <Empty title="No labels yet">
          Predictions are judged once the truth arrives: send it with <code>POST /api/monitor/labels</code>, by request id. Each {by} with labels becomes a point here.
        </Empty>
      ) : (
        <>
          <div className="chart-pair">
            <MetricChart title="AUC" note="higher is better" metric="auc" series={series} overview={overview} by={by} />
            <MetricChart title="Log loss" note="lower is better" metric="log_loss" series={series} overview={overview} by={by} />
          </div>
          <PerformanceTable overview={overview} by={by} />
        </>
      )}
    </Panel>
  )
}

interface MetricChartProps {
  readonly title: string
  readonly note: string
  readonly metric: Metric
  readonly series: PerformanceSeries
  readonly overview: Overview
  readonly by: Period
}

/** The query keeps the objects of what has not changed, so the chart is computed, and drawn, only when its figures have. */
function MetricChart({ title, note, metric, series, overview: { alias, moves: allMoves }, by }: MetricChartProps) {
  const chart = useMemo(() => makeChart(withoutSlivers(series), metric, alias), [series, metric, alias])
  const moves = useMemo(() => promotions({ alias, moves: allMoves }), [alias, allMoves])
  return <LineChart title={title} note={note} chart={chart} champion={alias} moves={moves} byMonth={by === 'month'} />
}

function PerformanceTable({ overview, by }: { overview: Overview; by: Period }) {
  const series = overview.performance.value?.[by]
  if (series === undefined) return null
  const auc = makeChart(series, 'auc', overview.alias)
  const loss = makeChart(series, 'log_loss', overview.alias)
  return (
    <details className="as-table">
      <summary>The same as a table</summary>
      <div className="table-scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">{by === 'week' ? 'Week of' : 'Month of'}</th>
              <th scope="col">Labelled rows</th>
              {auc.curves.map((curve) => (
                <th scope="col" key={`auc-${curve.alias}`}>
                  AUC, {curve.label}
                </th>
              ))}
              {loss.curves.map((curve) => (
                <th scope="col" key={`loss-${curve.alias}`}>
                  Log loss, {curve.label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {auc.starts.map((start, i) => (
              <tr key={start}>
                <th scope="row">{formatDate(start)}</th>
                <td>{formatCount(auc.rows[i] ?? 0)}</td>
                {auc.curves.map((curve) => (
                  <td key={`auc-${curve.alias}`}>{formatScore(curve.values[i])}</td>
                ))}
                {loss.curves.map((curve) => (
                  <td key={`loss-${curve.alias}`}>{formatScore(curve.values[i])}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  )
}
