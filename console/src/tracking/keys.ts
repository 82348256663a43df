/** A column of runs by the name that the search language has for it: `metrics.auc`, `params.lr`, `tags.mlflow.user`, `attributes.start_time`. */
export type ColumnId = string

export type Kind = 'attributes' | 'metrics' | 'params' | 'tags'

export const KINDS: readonly Kind[] = ['attributes', 'metrics', 'params', 'tags']
/** What one of a kind is called on the page. */
export const KIND_NAMES: Readonly<Record<Kind, string>> = { attributes: 'attribute', metrics: 'metric', params: 'parameter', tags: 'tag' }

export function columnId(kind: Kind, key: string): ColumnId {
  return `${kind}.${key}`
}

/** `undefined` where it names no kind. */
export function parseColumn(id: ColumnId): { readonly kind: Kind; readonly key: string } | undefined {
  const dot = id.indexOf('.')
  const kind = KINDS.find((one) => one === id.slice(0, dot))
  return kind === undefined || dot === id.length - 1 ? undefined : { kind, key: id.slice(dot + 1) }
}

export const keyOf = (id: ColumnId): string => id.slice(id.indexOf('.') + 1)

/** The column as the search language writes it: a key that is no plain word stands in backticks. */
export function inSearch(id: ColumnId): string {
  const column = parseColumn(id)
  if (column === undefined) return id
  return `${column.kind}.${/^[\p{L}_][\p{L}\p{N}_]*(?:\.[\p{L}\p{N}_]+)*$/u.test(column.key) ? column.key : `\`${column.key.replaceAll('`', '``')}\``}`
}

/** A text of the search language, in single quotes. */
export const quoted = (value: string): string => `'${value.replaceAll("'", "''")}'`
