import { DataTable, ROWS_SHOWN } from './data-table.tsx'

/** JSON as a tree that opens; what `mlflow.log_table` wrote as the table that it is. */
export function JsonView({ text }: { readonly text: string }) {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return (
      <>
        <p className="preview-note quiet">It is not JSON after all: {error instanceof Error ? error.message : ''}</p>
        <pre className="preview-text">{text}</pre>
      </>
    )
  }
  const table = tableOf(value)
  if (table !== undefined) return <DataTable columns={table.columns} rows={table.rows.slice(0, ROWS_SHOWN)} total={table.rows.length} />
  return (
    <div className="json" tabIndex={0} role="region" aria-label="Contents">
      <Node name={undefined} value={value} depth={0} />
    </div>
  )
}

const OPEN_DEPTH = 2
const MOST_CHILDREN = 500

function Node({ name, value, depth }: { readonly name: string | undefined; readonly value: unknown; readonly depth: number }) {
  const key = name === undefined ? null : <span className="json-key">{name}: </span>
  if (typeof value !== 'object' || value === null) {
    return (
      <div className="json-leaf">
        {key}
        <span className={`json-${value === null ? 'null' : typeof value}`}>{JSON.stringify(value)}</span>
      </div>
    )
  }
  const entries = Object.entries(value)
  const mark = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`
  return (
    <details open={depth < OPEN_DEPTH}>
      <summary>
        {key}
        <span className="quiet">{mark}</span>
      </summary>
      {entries.slice(0, MOST_CHILDREN).map(([child, one]) => (
        <Node key={child} name={child} value={one} depth={depth + 1} />
      ))}
      {entries.length > MOST_CHILDREN ? <div className="json-leaf quiet">and {entries.length - MOST_CHILDREN} more</div> : null}
    </details>
  )
}

function tableOf(value: unknown): { readonly columns: readonly string[]; readonly rows: readonly (readonly string[])[] } | undefined {
  if (typeof value !== 'object' || value === null || !('columns' in value) || !('data' in value)) return undefined
  const { columns, data } = value
  if (!Array.isArray(columns) || !Array.isArray(data) || !data.every(Array.isArray)) return undefined
  const text = (cell: unknown): string => (cell === null || cell === undefined ? '' : typeof cell === 'string' ? cell : JSON.stringify(cell))
  return { columns: columns.map(text), rows: data.map((row: readonly unknown[]) => row.map(text)) }
}
