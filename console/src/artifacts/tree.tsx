import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { FileInfo } from '../../../src/api/tracking.ts'
import { formatBytes } from '../tracking/values.ts'

export type ListFolder = (path: string, signal: AbortSignal) => Promise<readonly FileInfo[]>

interface TreeProps {
  /** Names the listing among queries. */
  readonly id: string
  readonly list: ListFolder
  readonly selected: string | undefined
  readonly onSelect: (file: FileInfo) => void
}

/** Folders and files, each folder listed when it is opened. */
export function ArtifactTree(props: TreeProps) {
  return (
    <nav className="tree" aria-label="Artifacts">
      <Folder {...props} path="" />
    </nav>
  )
}

function Folder({ id, list, selected, onSelect, path }: TreeProps & { readonly path: string }) {
  const { data, error } = useQuery({ queryKey: ['artifacts', id, path], queryFn: ({ signal }) => list(path, signal) })
  if (error !== null) return <p role="alert">{error.message}</p>
  if (data === undefined) return <p className="quiet">…</p>
  if (data.length === 0) return <p className="quiet">Nothing here.</p>
  return (
    <ul>
      {data.map((file) => (
        <li key={file.path}>{file.is_dir ? <Branch id={id} list={list} selected={selected} onSelect={onSelect} file={file} /> : <Leaf file={file} selected={file.path === selected} onSelect={onSelect} />}</li>
      ))}
    </ul>
  )
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

function Branch({ file, ...props }: TreeProps & { readonly file: FileInfo }) {
  const [open, setOpen] = useState(props.selected?.startsWith(`${file.path}/`) === true)
  return (
    <>
      <button type="button" className="tree-line" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span className="tree-mark" aria-hidden="true">
          {open ? '▾' : '▸'}
        </span>
        <span className="tree-name">{nameOf(file.path)}</span>
      </button>
      {open ? <Folder {...props} path={file.path} /> : null}
    </>
  )
}

function Leaf({ file, selected, onSelect }: { readonly file: FileInfo; readonly selected: boolean; readonly onSelect: (file: FileInfo) => void }) {
  return (
    <button type="button" className={`tree-line ${selected ? 'tree-selected' : ''}`} aria-current={selected ? 'true' : undefined} onClick={() => onSelect(file)}>
      <span className="tree-mark" />
      <span className="tree-name">{nameOf(file.path)}</span>
      <span className="quiet">{file.file_size === undefined ? '' : formatBytes(Number(file.file_size))}</span>
    </button>
  )
}
