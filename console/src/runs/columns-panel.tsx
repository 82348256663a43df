import { useVirtualizer } from '@tanstack/react-virtual'
import { useMemo, useRef, useState } from 'react'
import { type ColumnId, KINDS, type Kind, parseColumn } from '../tracking/keys.ts'
import { titleOf } from './cells.ts'

interface ColumnsPanelProps {
  readonly known: readonly ColumnId[]
  readonly shown: readonly ColumnId[]
  readonly onChange: (shown: readonly ColumnId[]) => void
  /** Back to all metrics and parameters. */
  readonly onReset: () => void
  readonly onClose: () => void
}

const LINE = 30
const HEADS: Readonly<Record<Kind, string>> = { attributes: 'Attributes', metrics: 'Metrics', params: 'Parameters', tags: 'Tags' }

/** Which columns are shown. */
export function ColumnsPanel({ known, shown, onChange, onReset, onClose }: ColumnsPanelProps) {
  const [wanted, setWanted] = useState('')
  const scroller = useRef<HTMLDivElement>(null)
  const visible = useMemo(() => new Set(shown), [shown])
  const lines = useMemo(() => {
    const words = wanted.toLowerCase().split(/\s+/)
    const fits = known.filter((column) => words.every((word) => column.toLowerCase().includes(word) || titleOf(column).toLowerCase().includes(word)))
    return KINDS.flatMap((kind): (Kind | ColumnId)[] => {
      const own = fits.filter((column) => column.startsWith(`${kind}.`))
      return own.length === 0 ? [] : [kind, ...own]
    })
  }, [known, wanted])
  const fitting = lines.filter((line) => line.includes('.'))
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => LINE, overscan: 10 })
  const set = (columns: readonly ColumnId[], on: boolean): void => {
    const set = new Set(columns)
    onChange(on ? [...shown, ...columns.filter((column) => !visible.has(column))] : shown.filter((column) => !set.has(column)))
  }
  return (
    <div className="columns-panel" role="dialog" aria-label="Columns" onKeyDown={(event) => event.key === 'Escape' && onClose()}>
      <input type="search" className="text-input" placeholder={`Find among ${known.length} columns`} aria-label="Find columns" value={wanted} onChange={(event) => setWanted(event.target.value)} autoFocus />
      <div className="columns-actions">
        <button type="button" className="plain" onClick={() => set(fitting, true)}>
          Show {wanted === '' ? 'all' : `these ${fitting.length}`}
        </button>
        <button type="button" className="plain" onClick={() => set(fitting, false)}>
          Hide {wanted === '' ? 'all' : `these ${fitting.length}`}
        </button>
        <button type="button" className="plain" onClick={onReset}>
          Standard
        </button>
      </div>
      <div className="columns-list" ref={scroller}>
        <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {virtual.getVirtualItems().map(({ index, start }) => {
            const line = lines[index] ?? ''
            const style = { transform: `translateY(${start}px)`, height: LINE }
            if (parseColumn(line) === undefined) {
              return (
                <div key={line} className="columns-kind" style={style}>
                  {HEADS[KINDS.find((kind) => kind === line) ?? 'tags']}
                </div>
              )
            }
            return (
              <label key={line} style={style} title={line}>
                <input type="checkbox" checked={visible.has(line)} onChange={(event) => set([line], event.target.checked)} />
                <span>{titleOf(line)}</span>
              </label>
            )
          })}
        </div>
      </div>
    </div>
  )
}
