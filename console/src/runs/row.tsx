import { Link } from '@tanstack/react-router'
import { memo } from 'react'
import type { RunInfo } from '../../../src/api/tracking.ts'
import { cellText, isFigure } from './cells.ts'
import type { RunFeed } from './feed.ts'
import { type Cell, FIRST, ROW, cellId } from './layout.ts'

/** The table listens to clicks itself: it knows whether Shift was held. */
const ignore = (): void => undefined

interface RunRowProps {
  readonly index: number
  readonly top: number
  readonly width: number
  readonly feed: RunFeed
  readonly row: number
  /** undefined while its page is on the way. */
  readonly info: RunInfo | undefined
  readonly cells: readonly Cell[]
  readonly selected: boolean
  readonly active: number | null
}

/** One run. A run's values never change under the same `info`, so the row is drawn again only for what it is given. */
export const RunRow = memo(function RunRow({ index, top, width, feed, row, info, cells, selected, active }: RunRowProps) {
  return (
    <div className={`grid-row ${selected ? 'row-selected' : ''}`} role="row" aria-rowindex={index + 2} aria-selected={selected} style={{ transform: `translateY(${top}px)`, width, height: ROW }}>
      <div className={`grid-first ${active === 0 ? 'cell-active' : ''}`} role="gridcell" aria-colindex={1} id={cellId(index, 0)} data-row={index} data-column={0} style={{ width: FIRST }}>
        {info === undefined ? (
          <span className="waiting" aria-label="loading" />
        ) : (
          <>
            <input className="run-check" type="checkbox" tabIndex={-1} checked={selected} onChange={ignore} aria-label={`Select ${info.run_name}`} />
            <i className={`status status-${info.status.toLowerCase()}`} role="img" aria-label={info.status.toLowerCase()} title={info.status.toLowerCase()} />
            <Link tabIndex={-1} className="run-name" to="/experiments/$experimentId/runs/$runId" params={{ experimentId: info.experiment_id, runId: info.run_id }} title={info.run_name}>
              {info.run_name}
            </Link>
          </>
        )}
      </div>
      {info === undefined
        ? null
        : cells.map(({ column, index: place, left, width: size }) => {
            const text = cellText(column, info, feed.value(row, column))
            return (
              <div
                key={column}
                className={`grid-cell ${isFigure(column) ? 'cell-figure' : ''} ${active === place + 1 ? 'cell-active' : ''}`}
                role="gridcell"
                aria-colindex={place + 2}
                id={cellId(index, place + 1)}
                data-row={index}
                data-column={place + 1}
                style={{ left, width: size }}
                title={text.length > 12 ? text : undefined}
              >
                {text}
              </div>
            )
          })}
    </div>
  )
})

interface GroupRowProps {
  readonly id: string
  readonly index: number
  readonly top: number
  readonly width: number
  readonly title: string
  readonly open: boolean
  readonly active: boolean
  readonly onToggle: (id: string) => void
}

export function GroupRow({ id, index, top, width, title, open, active, onToggle }: GroupRowProps) {
  return (
    <div className="grid-row grid-group" role="row" aria-rowindex={index + 2} aria-expanded={open} style={{ transform: `translateY(${top}px)`, width, height: ROW }}>
      <div className={`group-title ${active ? 'cell-active' : ''}`} role="gridcell" aria-colindex={1} id={cellId(index, 0)} data-row={index} data-column={0} onClick={() => onToggle(id)}>
        <span className="group-mark" aria-hidden="true">
          {open ? '▾' : '▸'}
        </span>
        {title}
      </div>
    </div>
  )
}
