import { useMutation, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { Suspense, lazy, useEffect, useState } from 'react'
import type { FileInfo, ModelVersion } from '../../../src/api/tracking.ts'
import { ArtifactBrowser } from '../artifacts/browser.tsx'
import { formatMoment } from '../runs/cells.ts'
import { type Fact, Facts, Pairs } from '../shared/facts.tsx'
import { Frame } from '../shared/frame.tsx'
import { Empty, Panel } from '../shared/panel.tsx'
import { isNoEndpoint, versionArtifactUrl } from '../tracking/ask.ts'
import { formatBytes } from '../tracking/values.ts'
import { Alias } from './alias.tsx'
import { ActDialog } from './dialog.tsx'
import { DiffPanel } from './diff.tsx'
import { GateList } from './gates.tsx'
import { LineagePanel } from './lineage.tsx'
import { getModel, getVersion, lineageOf, manifestOf, moveAlias, verify } from './registry.ts'

const MarkdownView = lazy(async () => ({ default: (await import('../artifacts/markdown.tsx')).MarkdownView }))

/** One version of a model: where it comes from, what it is made of, and which aliases named it. */
export function VersionPage() {
  const { name, version: number } = useParams({ from: '/models/$name/versions/$version' })
  const version = useQuery({ queryKey: ['registry', 'version', name, number], queryFn: ({ signal }) => getVersion(name, number, signal) })
  const lineage = useQuery({ queryKey: ['registry', 'lineage', name, number], queryFn: ({ signal }) => lineageOf(name, number, signal), retry: false })
  useEffect(() => {
    document.title = `${name} v${number} · Millrace`
  }, [name, number])
  const { data } = version
  return (
    <Frame skip="Skip to the version">
      <div className="page-head page-head-actions">
        <nav aria-label="Where this is" className="crumbs">
          <Link to="/models">Models</Link> <span aria-hidden="true">/</span>{' '}
          <Link to="/models/$name" params={{ name }}>
            {name}
          </Link>
        </nav>
        <h1>Version {number}</h1>
        {(data?.aliases ?? []).map((alias) => (
          <Alias key={alias} alias={alias} />
        ))}
        {data === undefined ? null : <MoveAlias version={data} />}
      </div>
      {version.error !== null && data === undefined ? (
        <Empty title="This version cannot be had" error>
          {version.error.message}
        </Empty>
      ) : null}
      {data === undefined ? null : (
        <>
          <section className="panel" aria-label="Facts">
            <Facts facts={factsOf(data)} />
            {data.description === undefined || data.description === '' ? null : (
              <Suspense fallback={null}>
                <MarkdownView text={data.description} />
              </Suspense>
            )}
          </section>
          {lineage.data === undefined ? lineage.error === null ? null : <p className="quiet">{isNoEndpoint(lineage.error) ? 'This server keeps no lineage.' : lineage.error.message}</p> : <LineagePanel lineage={lineage.data} />}
          <div className="side-by-side">
            <DiffPanel name={name} version={number} />
            <Panel id="tags" title="Tags">
              <Pairs what="tags" pairs={data.tags ?? []} />
            </Panel>
          </div>
          <Files version={data} />
        </>
      )}
    </Frame>
  )
}

function factsOf(version: ModelVersion): readonly Fact[] {
  const fact = (name: string, value: Fact['value'] | undefined): readonly Fact[] => (value === undefined || value === '' ? [] : [{ name, value }])
  return [
    ...fact('Registered', formatMoment(version.creation_timestamp)),
    ...fact('Stage', version.current_stage === 'None' ? undefined : version.current_stage),
    ...fact('Source', <code className="breaks">{version.source}</code>),
    ...fact('Digest', version.digest === undefined ? 'not sealed' : <code title={version.digest}>{version.digest.slice(0, 16)}…</code>),
  ]
}

/** Setting an alias here, with what its gate says before it is tried. */
function MoveAlias({ version }: { readonly version: ModelVersion }) {
  const { name, version: number } = version
  const [alias, setAlias] = useState('champion')
  const model = useQuery({ queryKey: ['registry', 'model', name], queryFn: ({ signal }) => getModel(name, signal) })
  const now = model.data?.aliases?.find((one) => one.alias === alias)?.version
  return (
    <ActDialog button="Set an alias" title={`Set an alias on ${name} v${number}`} confirm="Set the alias" act={(by) => moveAlias(name, alias, String(number), now === undefined ? null : String(now), by)}>
      <label>
        Alias
        <input className="text-input" value={alias} required pattern="[\w\-]+" onChange={(event) => setAlias(event.target.value)} />
      </label>
      <p className="quiet">{now === undefined ? 'No version has it now.' : String(now) === String(number) ? 'It is here already.' : `It leaves v${now}.`}</p>
      {alias === '' ? null : <GateList name={name} version={String(number)} alias={alias} />}
    </ActDialog>
  )
}

/** The files as they were sealed. */
function Files({ version: { name, version } }: { readonly version: ModelVersion }) {
  const [selected, setSelected] = useState<string>()
  const number = String(version)
  const manifest = useQuery({ queryKey: ['registry', 'manifest', name, number], queryFn: ({ signal }) => manifestOf(name, number, signal), retry: false })
  const checking = useMutation({ mutationFn: () => verify(name, number) })
  const files = manifest.data?.files ?? []
  const list = (folder: string): Promise<readonly FileInfo[]> => Promise.resolve(listOf(files, folder))
  const { data: found } = checking
  return (
    <Panel
      id="files"
      title="Files"
      lead={manifest.data === undefined ? 'Files are listed once the version is sealed.' : `${files.length} ${files.length === 1 ? 'file' : 'files'}, ${formatBytes(manifest.data.size)}, sealed ${formatMoment(Date.parse(manifest.data.sealed_at))}.`}
      actions={
        manifest.data === undefined ? undefined : (
          <span className="labelled">
            <span role="status" className={found === undefined ? 'quiet' : found.ok ? 'verdict verdict-passed' : 'verdict verdict-refused'}>
              {checking.error !== null ? checking.error.message : found === undefined ? '' : found.ok ? '✓ unchanged since' : `✕ ${found.problems.map(({ path, problem }) => `${path} ${problem}`).join(', ')}`}
            </span>
            <button type="button" className="plain" disabled={checking.isPending} onClick={() => checking.mutate()}>
              Verify
            </button>
          </span>
        )
      }
    >
      {manifest.data === undefined ? null : <ArtifactBrowser id={`${name} ${number} ${manifest.data.digest}`} list={list} fileUrl={(path) => versionArtifactUrl(name, number, path)} selected={selected} onSelect={setSelected} />}
    </Panel>
  )
}

function listOf(files: readonly { readonly path: string; readonly size: number }[], folder: string): readonly FileInfo[] {
  const prefix = folder === '' ? '' : `${folder}/`
  const found = new Map<string, FileInfo>()
  for (const { path, size } of files) {
    if (!path.startsWith(prefix)) continue
    const [first = '', ...rest] = path.slice(prefix.length).split('/')
    const place = `${prefix}${first}`
    found.set(place, rest.length === 0 ? { path: place, is_dir: false, file_size: size } : { path: place, is_dir: true })
  }
  return [...found.values()].sort((a, b) => Number(b.is_dir) - Number(a.is_dir) || (a.path < b.path ? -1 : 1))
}
