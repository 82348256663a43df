/** Tracking behind the gateway, under its own name: what it answers stays apart from pages of ours. */
const BASE = '/api/tracking'

/** An answer that was no success, in the words of the service. */
export class AskError extends Error {
  readonly status: number
  /** MLflow's `error_code`, or the code of a problem. */
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.name = 'AskError'
    this.status = status
    this.code = code
  }
}

/** Whether the server has no such endpoint at all, as MLflow's own has none of Millrace's; not: that the thing asked for is not there. */
export function isNoEndpoint(error: unknown): boolean {
  if (!(error instanceof AskError) || ![404, 405, 501].includes(error.status)) return false
  // MLflow answers an unknown path with a page, which has no code but its status.
  return error.code === 'ENDPOINT_NOT_FOUND' || error.code === String(error.status) || error.status === 501
}

export interface AskOptions {
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** JSON from the tracking service. `path` begins behind `/api/2.0/`. Throws AskError. */
export async function ask<T>(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, options: AskOptions = {}): Promise<T> {
  const response = await send(method, `${BASE}/api/2.0/${path}${queryOf(options.query)}`, options)
  return (await response.json()) as T
}

/** An artifact as bytes; `limit` in bytes guards the page: a larger one is refused before it is read, as `undefined`. */
export async function askBytes(url: string, limit: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const response = await send('GET', url, { signal })
  if (Number(response.headers.get('content-length') ?? 0) > limit) {
    await response.body?.cancel()
    return undefined
  }
  return new Uint8Array(await response.arrayBuffer())
}

export function artifactUrl(runId: string, path: string): string {
  return `${BASE}/get-artifact${queryOf({ run_id: runId, path })}`
}

export function versionArtifactUrl(name: string, version: string, path: string): string {
  return `${BASE}/model-versions/get-artifact${queryOf({ name, version, path })}`
}

async function send(method: string, url: string, { body, headers, signal }: AskOptions): Promise<Response> {
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  })
  if (response.ok) return response
  const problem: unknown = await response.json().catch(() => undefined)
  const text = (name: string): string | undefined => {
    const value: unknown = typeof problem === 'object' && problem !== null ? Reflect.get(problem, name) : undefined
    return typeof value === 'string' ? value : undefined
  }
  throw new AskError(response.status, text('error_code') ?? text('code') ?? String(response.status), text('message') ?? text('detail') ?? `${response.status} ${response.statusText}`)
}

function queryOf(query: AskOptions['query'] = {}): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one))
  }
  const text = search.toString()
  return text === '' ? '' : `?${text}`
}
