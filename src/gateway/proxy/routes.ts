import httpProxy from '@fastify/http-proxy'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { MillraceError } from '../../platform/errors/index.ts'
import type { ServiceName } from '../../platform/config/index.ts'
import { type HttpServer, traceOnward } from '../../platform/http/index.ts'
import { ROUTES } from './table.ts'

/** How long another service may take for its first byte: `wait=60` and some. */
const TIMEOUT_MS = 90_000
/** What another service answers is data: even an HTML artifact must not run as a page of ours. */
const SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox; frame-ancestors 'none'"

/** Passes requests on to the services of the table, bodies streamed both ways. What lies under `/-/` serves services and operators and is never passed on. */
export async function registerProxy(http: HttpServer, url: (service: ServiceName) => string): Promise<void> {
  for (const { prefix, service, rewritePrefix, exact } of ROUTES) {
    await http.register(httpProxy, {
      prefix,
      rewritePrefix,
      upstream: url(service),
      disableRequestLogging: true,
      ...(exact === true ? { routes: ['/'] } : {}),
      undici: { connections: 64, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS },
      preValidation: (request, _reply, done) => {
        // The router decodes before it matches: a prefix that is written otherwise would be cut off at the wrong place.
        const passes = request.url.startsWith(prefix) && !isControlPath(request.url.slice(prefix.length)) && !isOperatorPath(request.url)
        done(passes ? undefined : notPassedOn(request))
      },
      replyOptions: {
        // The caller knows what may be repeated; a gateway that repeats by itself multiplies the load of a service in trouble.
        retryDelay: () => null,
        rewriteRequestHeaders: (request, headers) => ({ ...traceOnward(request, url(service), headers), 'x-request-id': request.id, 'x-forwarded-for': request.ip }),
        rewriteHeaders: (headers) => ({ ...headers, 'content-security-policy': SANDBOX, 'x-content-type-options': 'nosniff' }),
        onError: (reply, { error }) => {
          // Typed for any kind of server, where ours is plain HTTP.
          ;(reply as FastifyReply).send(upstreamError(service, url(service), error))
        },
      },
    })
  }
}

function notPassedOn(request: FastifyRequest): MillraceError {
  return new MillraceError('NOT_FOUND', `${request.method} ${request.url.split('?')[0]}: the gateway does not pass on routes that serve services and operators`)
}

function upstreamError(service: ServiceName, url: string, error: Error): MillraceError {
  if ('statusCode' in error && error.statusCode === 504) return new MillraceError('TIMEOUT', `${service} did not answer in time at ${url}`, { cause: error })
  return new MillraceError('UPSTREAM_FAILED', `${service} could not be reached at ${url}`, { cause: error })
}

/** Whether a path, however it is written, has a segment `-` at its start once the receiver has decoded it. */
export function isControlPath(path: string): boolean {
  const segments = segmentsOf(path)
  return segments[0] === '-' || segments.includes('..')
}

/** Imports and removals of the tracking service, which write past its rules: whoever runs the project asks the service itself. */
export function isOperatorPath(path: string): boolean {
  return /(?:^|\/)(?:ajax-)?api\/2\.0\/millrace\/(?:import|gc)(?:\/|$)/.test(segmentsOf(path).join('/'))
}

function segmentsOf(path: string): readonly string[] {
  const pathname = path.split(/[?#]/, 1)[0] ?? ''
  let decoded = pathname
  try {
    // Twice: a receiver may decode once more than we do.
    decoded = decodeURIComponent(decodeURIComponent(pathname))
  } catch {
    // What cannot be decoded is compared as it is; the proxy refuses it anyway.
  }
  return decoded.replaceAll('\\', '/').split('/').filter((segment) => segment !== '' && segment !== '.')
}
