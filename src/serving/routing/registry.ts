import { createHash } from 'node:crypto'
import { type WriteStream, createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { ApiError, type Transport } from '../../../sdk/http.ts'
import { manifestDigest } from '../../domain/manifest.ts'
import { MillraceError, errnoCode } from '../../platform/errors/index.ts'
import { insideRoot } from '../../platform/fs/index.ts'

/** A version as the registry has it. */
export interface VersionFound {
  readonly version: string
  /** Tells it from another of the same number, after a model was deleted and made again. */
  readonly identity: string
}

/** What serving asks of tracking, over MLflow's REST API. Errors of the network, and 5xx, may be tried again; others are final. */
export interface ModelRegistry {
  /** The version behind the alias, null where there is no such alias or model. */
  alias(model: string, alias: string): Promise<VersionFound | null>
  /** The version of that number, null where there is no such version or model. */
  version(model: string, version: string): Promise<VersionFound | null>
  /** MODEL_UNLOADED where it has nothing of the model because it was told so. */
  absence?(model: string): MillraceError | null
  /** Writes the version's files below `folder`, which exists. It may take as long as it takes, while bytes keep coming: TIMEOUT where they do not, MODEL_INVALID where they are not the files that were registered. */
  download(model: string, version: string, folder: string, stop: AbortSignal): Promise<void>
}

const versionAnswer = Compile(
  Type.Object({
    model_version: Type.Object({
      version: Type.Union([Type.String(), Type.Number()]),
      run_id: Type.Optional(Type.Union([Type.String(), Type.Null()])),
      source: Type.Optional(Type.String()),
      creation_timestamp: Type.Optional(Type.Union([Type.String(), Type.Number()])),
    }),
  }),
)
const uriAnswer = Compile(Type.Object({ artifact_uri: Type.String() }))
const listAnswer = Compile(
  Type.Object({ files: Type.Optional(Type.Array(Type.Object({ path: Type.String(), is_dir: Type.Optional(Type.Boolean()) }))) }),
)

/** Absent where the server is MLflow's own, or the version was never sealed. */
const manifestAnswer = Compile(Type.Object({ digest: Type.String(), files: Type.Array(Type.Object({ path: Type.String(), size: Type.Number(), sha256: Type.String() })) }))

const API = '/api/2.0/mlflow'
const MANIFEST = '/api/2.0/millrace/registry/manifest'
const ARTIFACTS = '/api/2.0/mlflow-artifacts/artifacts'
const DEPTH_LIMIT = 8
const SILENCE_MS = 60_000

export function registryAt(transport: Transport, silenceMs = SILENCE_MS): ModelRegistry {
  return {
    alias: (model, alias) => find(transport, `${API}/registered-models/alias`, { name: model, alias }, `${model}@${alias}`),
    version: (model, version) => find(transport, `${API}/model-versions/get`, { name: model, version }, `${model} version ${version}`),
    download: async (model, version, folder, stop) => {
      const answer: unknown = await transport.json('GET', `${API}/model-versions/get-download-uri`, { query: { name: model, version } })
      if (!uriAnswer.Check(answer)) throw new MillraceError('UPSTREAM_FAILED', `tracking gave no location for ${model} version ${version}`)
      const root = artifactPath(answer.artifact_uri)
      const registered = await fetchManifest(transport, model, version)
      const files = registered === null ? await listFiles(transport, root, '') : [...registered.keys()]
      if (files.length === 0) throw new MillraceError('MODEL_INVALID', `there are no files at ${answer.artifact_uri}`)
      for (const file of files) {
        const found = await fetchFile(transport, `${root}/${file}`, insideRoot(folder, file), { silenceMs, signal: stop })
        const expected = registered?.get(file)
        if (expected === undefined || expected === found) continue
        throw new MillraceError('MODEL_INVALID', `${file} of ${model} version ${version} is not what was registered: its SHA-256 is ${found}, and ${expected} in the manifest`)
      }
    },
  }
}

async function find(transport: Transport, path: string, query: Readonly<Record<string, string>>, what: string): Promise<VersionFound | null> {
  try {
    const answer: unknown = await transport.json('GET', path, { query })
    if (!versionAnswer.Check(answer)) throw new MillraceError('UPSTREAM_FAILED', `tracking gave no model version for ${what}`)
    const { version, run_id, source, creation_timestamp } = answer.model_version
    return { version: String(version), identity: [run_id ?? '', source ?? '', creation_timestamp ?? ''].join(' ') }
  } catch (error) {
    if (error instanceof ApiError && isAbsent(error)) return null
    throw error
  }
}

/** MLflow answers 404 for an unknown model and 400 for an unknown alias of a known one. */
function isAbsent(error: ApiError): boolean {
  return error.status === 404 || (error.status === 400 && /alias .*not found/i.test(error.message))
}

/** `mlflow-artifacts:/1/run/artifacts/model`, with or without a host, as the path that the artifact routes take. */
function artifactPath(uri: string): string {
  if (!uri.startsWith('mlflow-artifacts:')) {
    throw new MillraceError('MODEL_INVALID', `the version's files are at ${uri}; serving fetches what tracking serves itself (mlflow-artifacts:/…)`)
  }
  return decodeURIComponent(new URL(uri).pathname).replace(/^\/+|\/+$/g, '')
}

/** Paths relative to `root`, of all files below it. */
async function listFiles(transport: Transport, root: string, folder: string, depth = 0): Promise<string[]> {
  if (depth > DEPTH_LIMIT) throw new MillraceError('MODEL_INVALID', `the version's folders are nested more than ${DEPTH_LIMIT} deep`)
  const answer: unknown = await transport.json('GET', ARTIFACTS, { query: { path: folder === '' ? root : `${root}/${folder}` } })
  if (!listAnswer.Check(answer)) throw new MillraceError('UPSTREAM_FAILED', `tracking gave no list of files for ${root}`)
  const files: string[] = []
  for (const { path, is_dir } of answer.files ?? []) {
    const name = path.split('/').at(-1) ?? path
    const relative = folder === '' ? name : `${folder}/${name}`
    if (is_dir) files.push(...(await listFiles(transport, root, relative, depth + 1)))
    else files.push(relative)
  }
  return files
}

/** SHA-256 of each file by its path; null where there is no manifest to hold them against. */
async function fetchManifest(transport: Transport, model: string, version: string): Promise<ReadonlyMap<string, string> | null> {
  try {
    const answer: unknown = await transport.json('GET', MANIFEST, { query: { name: model, version } })
    if (!manifestAnswer.Check(answer)) throw new MillraceError('UPSTREAM_FAILED', `tracking gave no manifest for ${model} version ${version}`)
    if (manifestDigest(answer.files) !== answer.digest) throw new MillraceError('MODEL_INVALID', `the manifest of ${model} version ${version} is not the one with the digest ${answer.digest}`)
    return new Map(answer.files.map(({ path, sha256 }) => [path, sha256]))
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null
    throw error
  }
}

const SILENT: ReadonlySet<string | undefined> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])

/** Returns the SHA-256 of what came, hex. */
async function fetchFile(transport: Transport, path: string, file: string, options: { readonly silenceMs: number; readonly signal: AbortSignal }): Promise<string> {
  await mkdir(dirname(file), { recursive: true })
  let sink: WriteStream | undefined
  try {
    const response = await transport.raw('GET', `${ARTIFACTS}/${path.split('/').map(encodeURIComponent).join('/')}`, options)
    if (response.body === null) throw new MillraceError('UPSTREAM_FAILED', `tracking answered ${path} without a body`)
    sink = createWriteStream(file, { flush: true })
    const hash = createHash('sha256')
    const hashed = async function* (parts: AsyncIterable<Uint8Array>) {
      for await (const part of parts) {
        hash.update(part)
        yield part
      }
    }
    await pipeline(Readable.fromWeb(response.body), hashed, sink, { signal: options.signal })
    return hash.digest('hex')
  } catch (error) {
    if (!SILENT.has(errnoCode(error))) throw error
    throw new MillraceError('TIMEOUT', `tracking sent nothing of ${path} for ${options.silenceMs / 1000} s, after ${sink?.bytesWritten ?? 0} bytes`, { cause: error })
  }
}
