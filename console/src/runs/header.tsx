import { KIND_NAMES, type ColumnId, parseColumn } from '../tracking/keys.ts'
import { isFigure, titleOf } from './cells.ts'
import { type Cell, FIRST, HEAD, cellId } from './layout.ts'
import { type Order, isSortable } from './search.ts'

interface HeaderRowProps {
  readonly width: number
  readonly cells: readonly Cell[]
  readonly order: Order | undefined
  readonly onSort: (column: ColumnId) => void
  /** The active cell, where it is in this row. */
  readonly active: number | null
}

export function HeaderRow({ width, cells, order, onSort, active }: HeaderRowProps) {
  return (
    <div className="grid-head" role="row" aria-rowindex={1} style={{ width, height: HEAD }}>
      <div className={`grid-first ${active === 0 ? 'cell-active' : ''}`} role="columnheader" aria-colindex={1} id={cellId(-1, 0)} data-row={-1} data-column={0} style={{ width: FIRST }}>
        Run
      </div>
      {cells.map(({ column, index, left, width: size }) => {
        const kind = parseColumn(column)?.kind ?? 'attributes'
        const sorted = order?.column === column
        return (
          <div
            key={column}
            role="columnheader"
            aria-colindex={index + 2}
            aria-sort={sorted ? (order.descending ? 'descending' : 'ascending') : 'none'}
            id={cellId(-1, index + 1)}
            data-row={-1}
            data-column={index + 1}
            className={`grid-cell head-cell head-${kind} ${isFigure(column) ? 'cell-figure' : ''} ${isSortable(column) ? 'head-sorts' : ''} ${active === index + 1 ? 'cell-active' : ''}`}
            style={{ left, width: size }}
            title={`${column}${isSortable(column) ? ': click to sort' : ''}`}
            onClick={() => onSort(column)}
          >
            <span className="head-kind">{kind === 'attributes' ? '' : KIND_NAMES[kind]}</span>
            <span className="head-name">
              {titleOf(column)}
              {sorted ? <span aria-hidden="true"> {order.descending ? '↓' : '↑'}</span> : null}
            </span>
          </div>
        )
      })}
    </div>
  )
}
