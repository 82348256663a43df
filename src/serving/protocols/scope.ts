import { MillraceError, toMillraceError } from '../../platform/errors/index.ts'
import type { HttpServer } from '../../platform/http/index.ts'
import { parseJson } from './json.ts'
import { mlflowProtocol } from './mlflow.ts'
import type { Protocol } from './protocol.ts'
import { v1Protocol } from './v1.ts'
import { v2Protocol } from './v2/index.ts'

/**
 * Makes routes of the inference protocols speak as their clients expect: errors are in the protocol's form, and a body is JSON whatever its type says, or nothing
 * (`tritonclient` sends neither a type nor, to the repository index, a body). A body has `jsonLimit` bytes at most.
 */
export function useProtocolManners(scope: HttpServer, jsonLimit: number): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser<Buffer>('*', { parseAs: 'buffer', bodyLimit: jsonLimit }, (_request, body, done) => {
    try {
      done(null, body.length === 0 ? null : parseJson(body))
    } catch (error) {
      done(toMillraceError(error))
    }
  })
  useProtocolErrors(scope)
}

/** Answers errors in the form of the protocol to which the address belongs. */
export function useProtocolErrors(scope: HttpServer): void {
  scope.setErrorHandler<Error & { readonly statusCode?: number }>((error, request, reply) => {
    const known = error.statusCode !== undefined && error.statusCode < 500 && !(error instanceof MillraceError) ? new MillraceError('BAD_REQUEST', error.message, { cause: error }) : toMillraceError(error)
    if (known.status >= 500 && known.status !== 503) request.log.error({ err: error, request_id: request.id }, known.message)
    const { contentType, body } = protocolOf(request.url).refuse(known, request.id)
    return reply.status(known.status).type(contentType).send(body)
  })
}

/** Leaves bodies unread: whoever takes the request reads them, or nobody does. */
export function leaveBodies(scope: HttpServer): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
}

function protocolOf(url: string): Protocol {
  return url.startsWith('/invocations') ? mlflowProtocol : url.startsWith('/v1') ? v1Protocol : v2Protocol
}
