import { Readable } from 'node:stream'
import { Agent, type Dispatcher, request } from 'undici'

/** What a Millrace service answered when it was not a success: the problem's code and detail, or the protocol's own message. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly details: unknown

  constructor(status: number, code: string, message: string, details?: unknown) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
    this.details = details
  }
}

export interface TransportOptions {
  /** Milliseconds for one attempt. */
  readonly timeoutMs?: number
  /**
   * Milliseconds for which a request that reached no service, or was answered 502, 503 or 504, is tried again with back-off. Only for requests that may be
   * repeated: every one of ours may, since they are reads, or carry an id that makes the second a repetition of the first.
   */
  readonly retryForMs?: number
  readonly headers?: Readonly<Record<string, string>>
}

export interface RequestOptions extends TransportOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Bytes, text, a Blob and a stream go as they are, anything else as JSON. A stream can be read only once, so a request with one is never retried. */
  readonly body?: unknown
  readonly signal?: AbortSignal
  /**
   * Milliseconds without a byte, of the answer's head or of its body, after which the request is given up (UND_ERR_HEADERS_TIMEOUT, UND_ERR_BODY_TIMEOUT). It
   * takes the place of `timeoutMs`: a large file over a slow line may take as long as it takes. A caller that reads slowly is not silence.
   */
  readonly silenceMs?: number
}

export interface Transport {
  json<T>(method: string, path: string, options?: RequestOptions): Promise<T>
  raw(method: string, path: string, options?: RequestOptions): Promise<Response>
}

/**
 * Not the global fetch: it refuses ports that browsers block (https://fetch.spec.whatwg.org/#bad-port), and 6566, where Feast and our features service answer,
 * is one of them. It also costs about three times as much a request.
 */
const agent = new Agent({ connections: 64, keepAliveTimeout: 30_000 })

const RETRYABLE_STATUS = new Set([502, 503, 504])
const SMALL_BYTES = 64 * 1024
const FIRST_PAUSE_MS = 25
const LONGEST_PAUSE_MS = 1000

/** JSON over HTTP to one service at `baseUrl`. Errors are ApiError, or the network's own when nobody answered. */
export function createTransport(baseUrl: string, defaults: TransportOptions = {}): Transport {
  const base = baseUrl.replace(/\/+$/, '')

  const once = async (method: string, path: string, options: RequestOptions): Promise<Dispatcher.ResponseData> => {
    const { body, query, silenceMs } = options
    const raw = rawBody(body)
    const limit = silenceMs === undefined ? timeLimit(options.timeoutMs ?? defaults.timeoutMs ?? 30_000) : undefined
    const signals = [limit?.signal, options.signal].filter((signal) => signal !== undefined)
    const response = await request(`${base}${path}${query ? queryString(query) : ''}`, {
      method: method as Dispatcher.HttpMethod,
      headers: {
        ...(body === undefined || raw !== undefined ? {} : { 'content-type': 'application/json' }),
        ...(body instanceof Blob ? { 'content-length': String(body.size) } : {}),
        ...defaults.headers,
        ...options.headers,
      },
      ...(body === undefined ? {} : { body: raw ?? JSON.stringify(body) }),
      ...(silenceMs === undefined ? {} : { headersTimeout: silenceMs, bodyTimeout: silenceMs }),
      signal: signals.length === 1 ? signals[0] : AbortSignal.any(signals),
      dispatcher: agent,
    }).catch((error: unknown) => {
      limit?.clear()
      throw error
    })
    if (limit) response.body.once('close', limit.clear)
    if (response.statusCode < 200 || response.statusCode > 299) throw apiError(response.statusCode, await response.body.text())
    return response
  }

  const answered = async <T>(method: string, path: string, options: RequestOptions, read: (response: Dispatcher.ResponseData) => Promise<T>): Promise<T> => {
    const deadline = Date.now() + (options.retryForMs ?? defaults.retryForMs ?? 0)
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        return await read(await once(method, path, options))
      } catch (error) {
        if (options.body instanceof ReadableStream || !mayRetry(error, options.signal) || Date.now() + pause > deadline) throw error
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
  }

  return {
    raw: (method, path, options = {}) => answered(method, path, options, asResponse),
    json: <T>(method: string, path: string, options: RequestOptions = {}): Promise<T> => answered(method, path, options, async ({ body }) => (await body.json()) as T),
  }
}

/** Like AbortSignal.timeout, which goes off, and makes an error, for requests too that ended long before. */
function timeLimit(ms: number): { readonly signal: AbortSignal; readonly clear: () => void } {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(new DOMException(`no answer within ${ms} ms`, 'TimeoutError')), ms)
  return { signal: controller.signal, clear: () => clearTimeout(timer) }
}

/** What goes over the wire as it is; undefined for what is to be JSON. */
function rawBody(body: unknown): Uint8Array | string | Readable | undefined {
  if (body instanceof Uint8Array || typeof body === 'string') return body
  const stream = body instanceof Blob ? body.stream() : body
  return stream instanceof ReadableStream ? Readable.from(stream) : undefined
}

/** The standard's own type, so that a caller reads, or streams, as with fetch. */
async function asResponse({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Response> {
  const pairs = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [value].flat().map((one): [string, string] => [name, one])))
  const length = Number(headers['content-length'])
  // What is small is read at once: a stream costs more than all the rest of such a request.
  const content = length <= SMALL_BYTES ? await body.arrayBuffer() : ReadableStream.from(body)
  const empty = statusCode === 204 || statusCode === 205
  return new Response(empty ? null : content, { status: statusCode, headers: pairs })
}

function mayRetry(error: unknown, signal: AbortSignal | undefined): boolean {
  if (signal?.aborted) return false
  if (error instanceof ApiError) return RETRYABLE_STATUS.has(error.status)
  return error instanceof Error && ('code' in error || error.name === 'TimeoutError')
}

function queryString(query: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const parameters = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) if (value !== undefined) parameters.set(key, String(value))
  const text = parameters.toString()
  return text === '' ? '' : `?${text}`
}

/** Understands problem details, MLflow's `{error_code, message}` and the Open Inference Protocol's `{error}`. */
function apiError(status: number, text: string): ApiError {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return new ApiError(status, 'HTTP_ERROR', text.slice(0, 500) || `status ${status}`)
  }
  const field = (name: string): string | undefined => {
    const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined
    return typeof value === 'string' ? value : undefined
  }
  const details: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'details') : undefined
  return new ApiError(status, field('code') ?? fromMlflow(field('error_code'), field('message') ?? '') ?? 'HTTP_ERROR', field('detail') ?? field('message') ?? field('error') ?? text.slice(0, 500), details)
}

/** Our word for what a server of MLflow says, which knows its own alone. */
const OF_MLFLOW: Readonly<Record<string, string>> = {
  RESOURCE_DOES_NOT_EXIST: 'NOT_FOUND',
  RESOURCE_ALREADY_EXISTS: 'ALREADY_EXISTS',
  RESOURCE_CONFLICT: 'CONFLICT',
  INVALID_PARAMETER_VALUE: 'BAD_REQUEST',
  TEMPORARILY_UNAVAILABLE: 'UNAVAILABLE',
}

function fromMlflow(code: string | undefined, message: string): string | undefined {
  if (code === 'INVALID_PARAMETER_VALUE' && /^Registered model alias .* not found/.test(message)) return 'ALIAS_NOT_FOUND'
  return code === undefined ? undefined : (OF_MLFLOW[code] ?? code)
}
