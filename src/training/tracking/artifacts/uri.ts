import type { FastifyRequest } from 'fastify'
import { checkKey } from '../../../platform/blobs/index.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import { invalid } from '../../mlflow/errors.ts'

/** Locations of this scheme are kept by the server, below its artifact root: `mlflow-artifacts:/EXPERIMENT/RUN/artifacts`. */
export const ARTIFACT_SCHEME = 'mlflow-artifacts'

/** Object stores that clients write to themselves; the server only keeps the address and never opens it. */
const REMOTE_SCHEMES = new Set(['s3', 's3a', 'gs', 'abfs', 'abfss', 'wasb', 'wasbs', 'hdfs', 'viewfs', 'dbfs', 'r2', 'sftp', 'ftp', 'oss', 'b2'])
/** Double encoding is undone this often; what is still encoded then is refused. */
const MOST_DECODINGS = 5

/**
 * A path below the artifact root, as it came once decoded from the URL or a field. Refused, in whatever encoding: `..`, absolute paths, backslashes,
 * `#` and `?` (which MLflow's clients cannot send), schemes, control characters (CVE-2023-1177, -2023-6831, -2024-1483 and their kin).
 */
export function safePath(path: string): string {
  let decoded = path
  for (let i = 0; ; i++) {
    if (/[#?]/.test(decoded)) throw refused(path, 'it holds # or ?')
    checkKey(decoded)
    const next = decodeOnce(decoded)
    if (next === decoded) return path
    if (i === MOST_DECODINGS) throw refused(path, 'it is encoded over and over')
    decoded = next
  }
}

/** What `*` of a route stands for, decoded once by the router. */
export function pathOf(request: FastifyRequest): string {
  const path: unknown = Reflect.get(request.params as object, '*')
  return safePath(typeof path === 'string' ? path : '')
}

/** `path` of a listing: absent or empty is the root; a slash at the end is tolerated. */
export function safeFolder(path: string | undefined): string {
  if (path === undefined || path === '' || path === '.') return ''
  return safePath(path.replace(/\/$/, ''))
}

/** The key below the artifact root of a location that the server keeps; undefined for one that it does not. */
export function keyOf(uri: string): string | undefined {
  const match = /^mlflow-artifacts:\/(?:\/[^/]*\/)?(.*)$/.exec(uri)
  return match?.[1] === undefined ? undefined : safePath(match[1].replace(/^\/+|\/+$/g, ''))
}

export function isWithin(uri: string, root: string): boolean {
  return uri === root || uri.startsWith(`${root.replace(/\/+$/, '')}/`)
}

/** Refuses a location that would make a client or the server read or write files by path, or reach hosts over HTTP. */
export function checkLocation(uri: string, field: string): void {
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(uri)?.[1]?.toLowerCase()
  const expected = `expected ${ARTIFACT_SCHEME}:/PATH or an object store (s3://…, gs://…, abfss://…)`
  if (scheme === undefined || !(scheme === ARTIFACT_SCHEME || REMOTE_SCHEMES.has(scheme))) {
    throw invalid(`Invalid value ${JSON.stringify(uri)} for parameter '${field}' supplied: found ${scheme === undefined ? 'a path of a file system' : `the scheme ${scheme}`}, ${expected}`)
  }
  checkUriPath(uri, field)
  if (scheme === ARTIFACT_SCHEME && keyOf(uri) === undefined) throw invalid(`Invalid value ${JSON.stringify(uri)} for parameter '${field}' supplied: ${expected}`)
}

/** No `..`, backslash, query or fragment in a URI, in whatever encoding. */
export function checkUriPath(uri: string, field: string): void {
  let decoded = uri
  for (let i = 0; i <= MOST_DECODINGS; i++) {
    if (/[\\#?\p{Cc}]/u.test(decoded) || decoded.split('/').includes('..')) {
      throw invalid(`Invalid value ${JSON.stringify(uri)} for parameter '${field}' supplied: it holds "..", a backslash, # or ?`)
    }
    const next = decodeOnce(decoded)
    if (next === decoded) return
    decoded = next
  }
  throw invalid(`Invalid value ${JSON.stringify(uri)} for parameter '${field}' supplied: it is encoded over and over`)
}

function decodeOnce(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    // A lone % is a character like any other: `100%.txt`.
    if (error instanceof URIError) return text.replace(/%[0-7][0-9a-fA-F]/g, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
    throw error
  }
}

function refused(path: string, why: string): MillraceError {
  return new MillraceError('PATH_OUTSIDE_ROOT', `Invalid path ${JSON.stringify(path.slice(0, 200))}: ${why}`)
}
