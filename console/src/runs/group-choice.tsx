import { type ColumnId, inSearch, keyOf } from '../tracking/keys.ts'
import { titleOf } from './cells.ts'

interface GroupChoiceProps {
  readonly known: readonly ColumnId[]
  readonly value: ColumnId | undefined
  readonly onChange: (column: ColumnId | undefined) => void
}

export function GroupChoice({ known, value, onChange }: GroupChoiceProps) {
  const params = known.filter((column) => column.startsWith('params.'))
  const tags = known.filter((column) => column.startsWith('tags.') && column !== 'tags.mlflow.user')
  const others = ['attributes.status', 'tags.mlflow.user']
  return (
    <label className="labelled">
      <span>Group</span>
      <select className="choice" value={value ?? ''} onChange={(event) => onChange(event.target.value === '' ? undefined : event.target.value)}>
        <option value="">no groups</option>
        {value !== undefined && ![...params, ...tags, ...others].includes(value) ? <option value={value}>{inSearch(value)}</option> : null}
        <optgroup label="Runs">
          {others.map((column) => (
            <option key={column} value={column}>
              {titleOf(column)}
            </option>
          ))}
        </optgroup>
        <optgroup label="Parameters">
          {params.map((column) => (
            <option key={column} value={column}>
              {keyOf(column)}
            </option>
          ))}
        </optgroup>
        <optgroup label="Tags">
          {tags.map((column) => (
            <option key={column} value={column}>
              {titleOf(column)}
            </option>
          ))}
        </optgroup>
      </select>
    </label>
  )
}
