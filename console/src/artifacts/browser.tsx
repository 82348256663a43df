import type { FileInfo } from '../../../src/api/tracking.ts'
import { useQuery } from '@tanstack/react-query'
import { Empty } from '../shared/panel.tsx'
import { Preview } from './preview.tsx'
import { ArtifactTree, type ListFolder } from './tree.tsx'

interface BrowserProps {
  readonly id: string
  readonly list: ListFolder
  readonly fileUrl: (path: string) => string
  readonly selected: string | undefined
  readonly onSelect: (path: string) => void
}

/** The artifacts of a run or of a version: the tree beside what is chosen in it. */
export function ArtifactBrowser({ id, list, fileUrl, selected, onSelect }: BrowserProps) {
  const folder = selected?.includes('/') === true ? selected.slice(0, selected.lastIndexOf('/')) : ''
  const root = useQuery({ queryKey: ['artifacts', id, ''], queryFn: ({ signal }) => list('', signal) })
  const siblings = useQuery({ queryKey: ['artifacts', id, folder], queryFn: ({ signal }) => list(folder, signal), enabled: selected !== undefined })
  const size = siblings.data?.find((file: FileInfo) => file.path === selected)?.file_size
  if (root.data?.length === 0) return <Empty title="No artifacts">What a run writes with mlflow.log_artifact or log_model is here.</Empty>
  return (
    <div className="artifacts">
      <ArtifactTree id={id} list={list} selected={selected} onSelect={(file) => onSelect(file.path)} />
      {selected === undefined ? <p className="quiet preview-empty">Choose a file.</p> : <Preview key={selected} path={selected} size={size === undefined ? undefined : Number(size)} fileUrl={fileUrl} />}
    </div>
  )
}
