import { useQuery } from '@tanstack/react-query'
import { parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import { DataTable, ROWS_SHOWN } from './data-table.tsx'

/** The first rows of a Parquet file, read in the page. */
export function ParquetView({ bytes, name }: { readonly bytes: Uint8Array<ArrayBuffer>; readonly name: string }) {
  const { data, error } = useQuery({ queryKey: ['parquet', name, bytes.length], queryFn: () => readTable(bytes), retry: false, gcTime: 0 })
  if (error !== null) return <p className="quiet">It cannot be shown: {error.message}</p>
  return data === undefined ? <p className="quiet">Reading…</p> : <DataTable columns={data.columns} rows={data.rows} total={data.total} />
}

async function readTable(bytes: Uint8Array<ArrayBuffer>) {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const metadata = await parquetMetadataAsync({ byteLength: file.byteLength, slice: (start, end) => file.slice(start, end) })
  const columns = parquetSchema(metadata).children.map(({ element }) => element.name)
  const found = await parquetReadObjects({ file, metadata, rowStart: 0, rowEnd: ROWS_SHOWN })
  const rows = found.map((row) => columns.map((column) => cellText(row[column])))
  return { columns, rows, total: Number(metadata.num_rows) }
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (value instanceof Date) return value.toISOString().replace('T', ' ').replace(/(?:\.000)?Z$/, '')
  if (typeof value === 'object') return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? String(one) : one))
  return String(value)
}
