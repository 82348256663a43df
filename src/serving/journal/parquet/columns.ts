/** The members of a journal record and how they stand in Parquet. What is JSON there is the very text of the line, so that nothing of it changes. */
const COLUMNS: readonly (readonly [name: string, type: 'VARCHAR' | 'INTEGER' | 'BIGINT' | 'DOUBLE' | 'BOOLEAN' | 'VARCHAR[]' | 'JSON'])[] = [
  ['id', 'VARCHAR'],
  ['row', 'INTEGER'],
  ['model', 'VARCHAR'],
  ['version', 'VARCHAR'],
  ['alias', 'VARCHAR'],
  ['role', 'VARCHAR'],
  ['time', 'BIGINT'],
  ['score', 'DOUBLE'],
  ['missing', 'VARCHAR[]'],
  ['inputs', 'JSON'],
  ['left_out', 'INTEGER'],
  ['features', 'JSON'],
  ['masked', 'VARCHAR[]'],
  ['tensors', 'JSON'],
  ['caller', 'VARCHAR'],
  ['sample', 'DOUBLE'],
  ['probe', 'BOOLEAN'],
]

/** Selects the columns from `line`, a column of JSON; members that have no column of their own stand together in `more`. */
export function recordColumns(line: string): string {
  const known = JSON.stringify({ ...Object.fromEntries(COLUMNS.map(([name]) => [name, null])), crc: null })
  const columns = COLUMNS.map(([name, type]) => {
    if (type === 'JSON') return `(${line}->'$.${name}')::VARCHAR as "${name}"`
    if (type === 'VARCHAR[]') return `(${line}->'$.${name}')::VARCHAR[] as "${name}"`
    return `(${line}->>'$.${name}')::${type} as "${name}"`
  })
  // A merge patch (RFC 7396) of nulls takes the members away.
  return [...columns, `nullif(json_merge_patch(${line}, '${known}')::VARCHAR, '{}') as more`].join(', ')
}
