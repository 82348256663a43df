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
}

export interface Transport {
  json<T>(method: string, path: string, options?: RequestOptions): Promise<T>
  raw(method: string, path: string, options?: RequestOptions): Promise<Response>
}

const RETRYABLE_STATUS = new Set([502, 503, 504])
const FIRST_PAUSE_MS = 25
const LONGEST_PAUSE_MS = 1000

/** JSON over HTTP to one service at `baseUrl`. Errors are ApiError, or the network's own when nobody answered. */
export function createTransport(baseUrl: string, defaults: TransportOptions = {}): Transport {
  const base = baseUrl.replace(/\/+$/, '')

  const once = async (method: string, path: string, options: RequestOptions): Promise<Response> => {
    const { body, query } = options
    const raw = isRaw(body)
    const signals = [AbortSignal.timeout(options.timeoutMs ?? defaults.timeoutMs ?? 30_000), ...(options.signal ? [options.signal] : [])]
    const response = await fetch(`${base}${path}${query ? queryString(query) : ''}`, {
      method,
      headers: { ...(body === undefined || raw ? {} : { 'content-type': 'application/json' }), ...defaults.headers, ...options.headers },
      ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
      ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
      signal: AbortSignal.any(signals),
    })
    if (!response.ok) throw await apiError(response)
    return response
  }

  const raw = async (method: string, path: string, options: RequestOptions = {}): Promise<Response> => {
    const deadline = Date.now() + (options.retryForMs ?? defaults.retryForMs ?? 0)
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        return await once(method, path, options)
      } catch (error) {
        if (options.body instanceof ReadableStream || !mayRetry(error, options.signal) || Date.now() + pause > deadline) throw error
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
  }

  return {
    raw,
    json: async <T>(method: string, path: string, options?: RequestOptions): Promise<T> => {
      const response = await raw(method, path, options)
      return (await response.json()) as T
    },
  }
}

function isRaw(body: unknown): body is Uint8Array<ArrayBuffer> | string | Blob | ReadableStream {
  return body instanceof Uint8Array || typeof body === 'string' || body instanceof Blob || body instanceof ReadableStream
}

function mayRetry(error: unknown, signal: AbortSignal | undefined): boolean {
  if (signal?.aborted) return false
  if (error instanceof ApiError) return RETRYABLE_STATUS.has(error.status)
  return error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError')
}

function queryString(query: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const parameters = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) if (value !== undefined) parameters.set(key, String(value))
  const text = parameters.toString()
  return text === '' ? '' : `?${text}`
}

/** Understands problem details, MLflow's `{error_code, message}` and the Open Inference Protocol's `{error}`. */
async function apiError(response: Response): Promise<ApiError> {
  const text = await response.text()
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return new ApiError(response.status, 'HTTP_ERROR', text.slice(0, 500) || response.statusText)
  }
  const field = (name: string): string | undefined => {
    const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined
    return typeof value === 'string' ? value : undefined
  }
  const details: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'details') : undefined
  return new ApiError(
    response.status,
    field('code') ?? field('error_code') ?? 'HTTP_ERROR',
    field('detail') ?? field('message') ?? field('error') ?? text.slice(0, 500),
    details,
  )
}
