import { type Virtualizer, useVirtualizer } from '@tanstack/react-virtual'
import { useNavigate } from '@tanstack/react-router'
import { type KeyboardEvent, type MouseEvent, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import type { RunInfo } from '../../../src/api/tracking.ts'
import type { ColumnId } from '../tracking/keys.ts'
import { widthOf } from './cells.ts'
import { HeaderRow } from './header.tsx'
import { FIRST, HEAD, ROW, cellId } from './layout.ts'
import { GroupRow, RunRow } from './row.tsx'
import type { Rows } from './rows.ts'
import { type Order, isSortable } from './search.ts'

export interface Selection {
  readonly has: (runId: string) => boolean
  readonly size: number
  readonly toggle: (infos: readonly RunInfo[], selected: boolean) => void
}

interface TableProps {
  readonly label: string
  readonly rows: Rows
  /** Grows with the contents of `rows`. */
  readonly version: number
  readonly total: number | undefined
  readonly columns: readonly ColumnId[]
  readonly order: Order | undefined
  readonly onOrder: (order: Order | undefined) => void
  readonly selection: Selection
  readonly open: ReadonlySet<string>
  readonly onToggle: (sectionId: string) => void
}

const PAGE_ROWS = 15
/** Rows asked for before they come into view. */
const AHEAD = 60
/** Where the first active cell is: the first run's name. -1 is the row of heads. */
const START = { row: 0, column: 0 }

/** Runs as a grid of which only the rows and columns in view exist. One stop of the Tab key; arrow keys walk the cells. */
export function RunTable({ label, rows, version, total, columns, order, onOrder, selection, open, onToggle }: TableProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const navigate = useNavigate()
  const [active, setActive] = useState(START)
  const anchor = useRef<number | null>(null)
  const vertical = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 8, scrollPaddingStart: HEAD, paddingStart: HEAD })
  const horizontal = useVirtualizer({
    horizontal: true,
    count: columns.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => widthOf(columns[index] ?? ''),
    overscan: 2,
    paddingStart: FIRST,
    scrollPaddingStart: FIRST,
  })
  useEffect(() => horizontal.measure(), [columns, horizontal])

  const shown = vertical.getVirtualItems()
  const start = shown[0]?.index ?? 0
  const end = (shown.at(-1)?.index ?? -1) + 1
  useEffect(() => rows.ensure(start, end + AHEAD), [rows, start, end, version])

  const cells = horizontal.getVirtualItems()
  const signature = `${cells[0]?.index ?? 0} ${cells.at(-1)?.index ?? 0}`
  // The rows keep the same list, and so their cells, while the table scrolls up and down.
  const inView = useMemo(() => cells.flatMap(({ index, start: left, size }) => (columns[index] === undefined ? [] : [{ column: columns[index], index, left, width: size }])), [signature, columns])
  const width = Math.max(horizontal.getTotalSize(), FIRST)

  const sort = useCallback(
    (column: ColumnId) => {
      if (!isSortable(column)) return
      const same = order?.column === column
      const firstDown = column.startsWith('metrics.') || column.endsWith('_time')
      onOrder(!same ? { column, descending: firstDown } : order.descending === firstDown ? { column, descending: !firstDown } : undefined)
    },
    [order, onOrder],
  )

  const select = useCallback(
    (index: number, range: boolean) => {
      const item = rows.at(index)
      if (item?.type !== 'run') return
      const info = item.feed.info(item.row)
      if (info === undefined) return
      const from = range && anchor.current !== null ? anchor.current : index
      const infos: RunInfo[] = []
      for (let i = Math.min(from, index); i <= Math.max(from, index); i++) {
        const one = rows.at(i)
        const found = one?.type === 'run' ? one.feed.info(one.row) : undefined
        if (found !== undefined) infos.push(found)
      }
      selection.toggle(infos, !selection.has(info.run_id))
      anchor.current = index
    },
    [rows, selection],
  )

  const enter = (): void => {
    if (active.row < 0) {
      const column = active.column === 0 ? undefined : columns[active.column - 1]
      if (column !== undefined) sort(column)
      return
    }
    const item = rows.at(active.row)
    if (item?.type === 'head') onToggle(item.section.id)
    const info = item?.type === 'run' ? item.feed.info(item.row) : undefined
    if (info !== undefined) void navigate({ to: '/experiments/$experimentId/runs/$runId', params: { experimentId: info.experiment_id, runId: info.run_id } })
  }

  const walk = (event: KeyboardEvent<HTMLDivElement>): void => {
    if (event.key === 'Enter') {
      enter()
    } else if (event.key === ' ') {
      const item = rows.at(active.row)
      if (item?.type === 'head') onToggle(item.section.id)
      else select(active.row, event.shiftKey)
    } else {
      const next = moved(active, event, rows.length, columns.length)
      if (next === undefined) return
      setActive(next)
      reveal(vertical, horizontal, next)
    }
    event.preventDefault()
  }

  const click = (event: MouseEvent<HTMLDivElement>): void => {
    const cell = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-row]') : null
    if (cell === null) return
    const row = Number(cell.dataset.row)
    setActive({ row, column: Number(cell.dataset.column ?? 0) })
    if (event.target instanceof Element && event.target.closest('.run-check') !== null) select(row, event.shiftKey)
  }

  return (
    <div
      ref={scroller}
      className="grid"
      role="grid"
      aria-label={label}
      aria-rowcount={total === undefined ? -1 : total + 1}
      aria-colcount={columns.length + 1}
      aria-multiselectable="true"
      aria-activedescendant={cellId(active.row, active.column)}
      tabIndex={0}
      onKeyDown={walk}
      onClick={click}
    >
      <div className="grid-body" style={{ height: vertical.getTotalSize(), width }}>
        <HeaderRow width={width} cells={inView} order={order} onSort={sort} active={active.row === -1 ? active.column : null} />
        {shown.map(({ index, start: top }) => {
          const item = rows.at(index)
          if (item === undefined) return null
          const activeColumn = active.row === index ? active.column : null
          if (item.type === 'head') return <GroupRow key={`head ${item.section.id}`} index={index} top={top} width={width} title={item.section.title ?? ''} open={open.has(item.section.id)} active={activeColumn !== null} onToggle={onToggle} id={item.section.id} />
          const info = item.feed.info(item.row)
          return (
            <RunRow
              key={`${item.section.id} ${item.row}`}
              index={index}
              top={top}
              width={width}
              feed={item.feed}
              row={item.row}
              info={info}
              cells={inView}
              selected={info !== undefined && selection.has(info.run_id)}
              active={activeColumn}
            />
          )
        })}
      </div>
    </div>
  )
}

interface Place {
  readonly row: number
  readonly column: number
}

function moved({ row, column }: Place, event: KeyboardEvent, rows: number, columns: number): Place | undefined {
  const place = (nextRow: number, nextColumn: number): Place => ({ row: Math.max(-1, Math.min(rows - 1, nextRow)), column: Math.max(0, Math.min(columns, nextColumn)) })
  const far = event.ctrlKey || event.metaKey
  switch (event.key) {
    case 'ArrowDown':
      return place(far ? rows - 1 : row + 1, column)
    case 'ArrowUp':
      return place(far ? 0 : row - 1, column)
    case 'ArrowRight':
      return place(row, far ? columns : column + 1)
    case 'ArrowLeft':
      return place(row, far ? 0 : column - 1)
    case 'PageDown':
      return place(row + PAGE_ROWS, column)
    case 'PageUp':
      return place(Math.max(0, row - PAGE_ROWS), column)
    case 'Home':
      return place(far ? 0 : row, 0)
    case 'End':
      return place(far ? rows - 1 : row, columns)
    default:
      return undefined
  }
}

function reveal(vertical: Virtualizer<HTMLDivElement, Element>, horizontal: Virtualizer<HTMLDivElement, Element>, { row, column }: Place): void {
  if (row >= 0) vertical.scrollToIndex(row)
  if (column > 0) horizontal.scrollToIndex(column - 1)
  else horizontal.scrollToOffset(0)
}
