import type { FileInfo, Run } from '../src/api/tracking.ts'
import { ApiError, type Transport } from './http.ts'

/** A stream is sent as it comes and never retried; bytes, text and a Blob (of a file, for instance) can be sent again. */
export type ArtifactContent = Uint8Array | string | Blob | ReadableStream<Uint8Array>

export interface NamedContent {
  readonly path: string
  readonly content: ArtifactContent
}

export interface StoredFile {
  /** Relative to the location asked for. */
  readonly path: string
  readonly uri: string
  /** Bytes. */
  readonly size: number
}

const PROXY = '/api/2.0/mlflow-artifacts/artifacts'
const LIST = '/api/2.0/mlflow/artifacts/list'
/** Large files on slow disks; the server reads and writes them as they come. */
const UPLOAD_TIMEOUT_MS = 600_000
const DOWNLOAD_SILENCE_MS = 60_000
const KNOWN_RUNS = 1000

/** Files of runs, and of locations of the server's own scheme `mlflow-artifacts:/…`. Paths are relative, with `/`. */
export function artifactsClient(transport: Transport) {
  const roots = new Map<string, string>()
  const rootOf = async (runId: string): Promise<string> => {
    const known = roots.get(runId)
    if (known !== undefined) return known
    const { run } = await transport.json<{ run: Run }>('GET', '/api/2.0/mlflow/runs/get', { query: { run_id: runId } })
    if (roots.size >= KNOWN_RUNS) roots.clear()
    roots.set(runId, run.info.artifact_uri)
    return run.info.artifact_uri
  }

  const write = async (uri: string, content: ArtifactContent): Promise<void> => {
    // MLflow's server answers it with an empty body.
    const response = await transport.raw('PUT', `${PROXY}/${encodePath(keyOf(uri))}`, {
      body: content,
      timeoutMs: UPLOAD_TIMEOUT_MS,
      headers: { 'content-type': 'application/octet-stream' },
    })
    await response.arrayBuffer()
  }
  const read = (uri: string): Promise<Response> => transport.raw('GET', `${PROXY}/${encodePath(keyOf(uri))}`, { silenceMs: DOWNLOAD_SILENCE_MS })
  /** Names right below the location. */
  const list = async (uri: string): Promise<readonly FileInfo[]> =>
    (await transport.json<{ files?: readonly FileInfo[] }>('GET', PROXY, { query: { path: keyOf(uri) } })).files ?? []

  async function* filesBelow(uri: string, base: string): AsyncIterable<StoredFile> {
    for (const { path: name, is_dir, file_size } of await list(uri)) {
      const below = `${uri.replace(/\/+$/, '')}/${name}`
      const path = base === '' ? name : `${base}/${name}`
      if (is_dir) yield* filesBelow(below, path)
      else yield { path, uri: below, size: file_size ?? 0 }
    }
  }

  return {
    uploadArtifact: async (runId: string, path: string, content: ArtifactContent): Promise<void> => write(`${await rootOf(runId)}/${path}`, content),
    /** Uploads files to below `path` of the run, one after the other, and returns their paths there. For a folder: `filesBelow` of platform/fs. */
    uploadFiles: async (runId: string, files: AsyncIterable<NamedContent> | Iterable<NamedContent>, path = ''): Promise<readonly string[]> => {
      const root = await rootOf(runId)
      const uploaded: string[] = []
      for await (const file of files) {
        const target = path === '' ? file.path : `${path}/${file.path}`
        await write(`${root}/${target}`, file.content)
        uploaded.push(target)
      }
      return uploaded
    },
    downloadArtifact: async (runId: string, path: string): Promise<Uint8Array> => (await read(`${await rootOf(runId)}/${path}`)).bytes(),
    /** Paths relative to the run's artifacts, as `downloadArtifact` takes them. */
    listArtifacts: async (runId: string, path = ''): Promise<readonly FileInfo[]> =>
      (await transport.json<{ files?: readonly FileInfo[] }>('GET', LIST, { query: { run_id: runId, path } })).files ?? [],
    /** A file by its location. The caller reads the body to its end or cancels it. */
    readArtifact: read,
    listLocation: list,
    /** All files below a location. To save them: `saveFiles` of platform/fs. */
    files: (uri: string): AsyncIterable<StoredFile> => filesBelow(uri, ''),
  }
}

function keyOf(uri: string): string {
  const match = /^mlflow-artifacts:\/+(.*)$/.exec(uri)
  if (match?.[1] === undefined) throw new ApiError(400, 'BAD_REQUEST', `${uri}: expected a location of the tracking service, mlflow-artifacts:/…`)
  return match[1].replace(/\/+$/, '')
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}
