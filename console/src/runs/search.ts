import { type ColumnId, inSearch, parseColumn } from '../tracking/keys.ts'

/** A view of the table, as it stands in the page's address: a link shows what its sender saw. */
export interface RunsSearch {
  readonly filter?: string
  /** A column, with DESC or ASC behind it. */
  readonly order?: string
  /** The columns shown, joined with commas; absent: all metrics and parameters, but those of the system. */
  readonly columns?: string
  /** Where `columns` is absent: those left out. */
  readonly hidden?: string
  readonly group?: string
  readonly view?: 'deleted'
}

export interface Order {
  readonly column: ColumnId
  readonly descending: boolean
}

/** What is computed in the page has no place in the server's order. */
const UNSORTABLE = new Set(['attributes.duration', 'attributes.datasets'])
export const FIRST_COLUMNS: readonly ColumnId[] = ['attributes.start_time', 'attributes.duration', 'tags.mlflow.user']
/** What the machine did is for the run's own page. */
const SYSTEM = 'metrics.system/'

export function parseRunsSearch(search: Readonly<Record<string, unknown>>): RunsSearch {
  const text = (name: string): Record<string, string> => {
    const value = search[name]
    return value === undefined || value === null || value === '' ? {} : { [name]: typeof value === 'object' ? JSON.stringify(value) : String(value) }
  }
  return { ...text('filter'), ...text('order'), ...text('columns'), ...text('hidden'), ...text('group'), ...(search.view === 'deleted' ? { view: 'deleted' } : {}) }
}

export function parseOrder(order: string | undefined): Order | undefined {
  const match = /^(.+) (ASC|DESC)$/s.exec(order ?? '')
  const column = match?.[1]
  return column === undefined || parseColumn(column) === undefined ? undefined : { column, descending: match?.[2] === 'DESC' }
}

export const writeOrder = ({ column, descending }: Order): string => `${column} ${descending ? 'DESC' : 'ASC'}`
export const isSortable = (column: ColumnId): boolean => !UNSORTABLE.has(column)

/** For `order_by`. */
export function orderBy(order: Order | undefined): readonly string[] {
  return order === undefined || !isSortable(order.column) ? [] : [`${inSearch(order.column)} ${order.descending ? 'DESC' : 'ASC'}`]
}

/** Keys may hold commas. */
export const writeColumns = (columns: readonly ColumnId[]): string => columns.map((column) => column.replaceAll('%', '%25').replaceAll(',', '%2C')).join(',')

export function parseColumns(text: string | undefined): readonly ColumnId[] | undefined {
  return text?.split(',').map((part) => part.replaceAll('%2C', ',').replaceAll('%25', '%')).filter((column) => parseColumn(column) !== undefined)
}

/** The columns shown, in order, of those that there are. */
export function shownColumns({ columns, hidden }: RunsSearch, known: readonly ColumnId[]): readonly ColumnId[] {
  const chosen = parseColumns(columns)
  if (chosen !== undefined) return chosen
  const without = new Set(parseColumns(hidden))
  return [...FIRST_COLUMNS, ...known.filter((column) => column.startsWith('metrics.') && !column.startsWith(SYSTEM)), ...known.filter((column) => column.startsWith('params.'))].filter((column) => !without.has(column))
}
