import { titleOf } from '../runs/cells.ts'
import { type ColumnId, KIND_NAMES, parseColumn } from '../tracking/keys.ts'

interface AxesChoiceProps {
  readonly candidates: readonly ColumnId[]
  readonly shown: readonly ColumnId[]
  readonly onChange: (shown: readonly ColumnId[]) => void
}

/** The axes, each of which can be taken away, and one that can be added. */
export function AxesChoice({ candidates, shown, onChange }: AxesChoiceProps) {
  return (
    <div className="chips">
      {shown.map((column) => (
        <span key={column} className="chip">
          {titleOf(column)}
          <button type="button" className="filter-clear" aria-label={`Take the axis ${titleOf(column)} away`} onClick={() => onChange(shown.filter((one) => one !== column))}>
            ×
          </button>
        </span>
      ))}
      <select className="choice" aria-label="Add an axis" value="" onChange={(event) => onChange([...shown, event.target.value])}>
        <option value="">Add an axis</option>
        <ColumnOptions columns={candidates.filter((column) => !shown.includes(column))} />
      </select>
    </div>
  )
}

export function ColumnOptions({ columns }: { readonly columns: readonly ColumnId[] }) {
  return (['params', 'metrics', 'attributes', 'tags'] as const).map((kind) => {
    const own = columns.filter((column) => parseColumn(column)?.kind === kind)
    return own.length === 0 ? null : (
      <optgroup key={kind} label={`${KIND_NAMES[kind]}s`}>
        {own.map((column) => (
          <option key={column} value={column}>
            {titleOf(column)}
          </option>
        ))}
      </optgroup>
    )
  })
}
