import { useQuery } from '@tanstack/react-query'
import { Suspense, lazy } from 'react'
import { askBytes } from '../tracking/ask.ts'
import { formatBytes } from '../tracking/values.ts'
import { BytesImage } from './blob-image.tsx'
import { parseSeparated } from './csv.ts'
import { DataTable, ROWS_SHOWN } from './data-table.tsx'
import { JsonView } from './json-view.tsx'
import { LIMITS, asText, imageType, previewOf } from './kinds.ts'

const MarkdownView = lazy(async () => ({ default: (await import('./markdown.tsx')).MarkdownView }))
const NotebookView = lazy(async () => ({ default: (await import('./notebook.tsx')).NotebookView }))
const ParquetView = lazy(async () => ({ default: (await import('./parquet.tsx')).ParquetView }))

interface PreviewProps {
  readonly path: string
  readonly size: number | undefined
  readonly fileUrl: (path: string) => string
}

/** A file as far as it can be shown without running anything of it. */
export function Preview({ path, size, fileUrl }: PreviewProps) {
  const kind = previewOf(path)
  const limit = LIMITS[kind]
  const url = fileUrl(path)
  const tooLarge = size !== undefined && size > limit
  const { data, error } = useQuery({
    queryKey: ['bytes', url],
    queryFn: async ({ signal }) => (await askBytes(url, limit, signal)) ?? null,
    enabled: !tooLarge,
    staleTime: 30_000,
    gcTime: 60_000,
  })
  return (
    <section className="preview" aria-label={`Preview of ${path}`}>
      <header className="preview-head">
        <b>{path}</b>
        {size === undefined ? null : <span className="quiet">{formatBytes(size)}</span>}
        <a className="plain" href={url} download={path.slice(path.lastIndexOf('/') + 1)}>
          Download
        </a>
      </header>
      {error !== null ? (
        <p role="alert">{error.message}</p>
      ) : tooLarge || data === null ? (
        <p className="quiet">It is larger than the {formatBytes(limit)} that are shown here. Download it instead.</p>
      ) : data === undefined ? (
        <p className="quiet">Reading…</p>
      ) : (
        <Suspense fallback={<p className="quiet">Reading…</p>}>
          <Contents path={path} bytes={data} fileUrl={fileUrl} />
        </Suspense>
      )}
    </section>
  )
}

function Contents({ path, bytes, fileUrl }: { readonly path: string; readonly bytes: Uint8Array<ArrayBuffer>; readonly fileUrl: (path: string) => string }) {
  const kind = previewOf(path)
  if (kind === 'image') return <BytesImage bytes={bytes} type={imageType(path)} alt={path} />
  if (kind === 'parquet') return <ParquetView bytes={bytes} name={path} />
  const text = asText(bytes)
  if (text === undefined) return <p className="quiet">There is no preview of files of this kind.</p>
  if (text === '') return <p className="quiet">The file is empty.</p>
  switch (kind) {
    case 'json':
      return <JsonView text={text} />
    case 'table':
      return <SeparatedView text={text} tabs={path.toLowerCase().endsWith('.tsv')} />
    case 'markdown':
      return <MarkdownView text={text} fileUrl={(relative) => fileUrl(beside(path, relative))} />
    case 'notebook':
      return <NotebookView text={text} />
    default:
      return (
        <pre className="preview-text" tabIndex={0}>
          {text}
        </pre>
      )
  }
}

function SeparatedView({ text, tabs }: { readonly text: string; readonly tabs: boolean }) {
  const firstLine = text.split('\n', 1)[0] ?? ''
  const separator = tabs ? '\t' : !firstLine.includes(',') && firstLine.includes(';') ? ';' : ','
  const [columns = [], ...rows] = parseSeparated(text, separator, ROWS_SHOWN + 1)
  const more = rows.length === ROWS_SHOWN ? { total: text.trimEnd().split('\n').length - 1 } : {}
  return <DataTable columns={columns} rows={rows} {...more} />
}

/** `relative` as seen from the folder of `path`; the server refuses what leads out of the run. */
function beside(path: string, relative: string): string {
  return path.includes('/') ? `${path.slice(0, path.lastIndexOf('/'))}/${relative}` : relative
}
