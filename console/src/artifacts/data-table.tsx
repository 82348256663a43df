import { formatCount } from '../shared/format.ts'

interface DataTableProps {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** How many rows there are in all, where that is known. */
  readonly total?: number
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

/** The first rows of a table. */
export function DataTable({ columns, rows, total }: DataTableProps) {
  const numeric = columns.map((_, i) => rows.length > 0 && rows.every((row) => NUMBER.test(row[i] ?? '') || (row[i] ?? '') === ''))
  return (
    <>
      <p className="quiet preview-note">
        {total === undefined || total <= rows.length ? `${formatCount(rows.length)} rows` : `The first ${formatCount(rows.length)} of ${formatCount(total)} rows`} · {formatCount(columns.length)} columns
      </p>
      <div className="table-scroll preview-table" tabIndex={0} role="region" aria-label="Contents">
        <table>
          <thead>
            <tr>
              {columns.map((column, i) => (
                <th scope="col" key={`${i} ${column}`} className={numeric[i] ? 'number' : ''}>
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, i) => (
              <tr key={i}>
                {columns.map((column, j) => (
                  <td key={`${j} ${column}`} className={numeric[j] ? 'number' : ''} title={(row[j] ?? '').length > 40 ? row[j]?.slice(0, 1000) : undefined}>
                    {row[j]?.slice(0, 200)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  )
}

export const ROWS_SHOWN = 300
