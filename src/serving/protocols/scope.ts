import { MillraceError, toMillraceError } from '../../platform/errors/index.ts'
import type { HttpServer } from '../../platform/http/index.ts'
import { parseJson } from './json.ts'

/**
 * Makes routes of the inference protocols speak as their clients expect: errors are `{"error": message}`, and a body is JSON whatever its type says, or nothing
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
  scope.setErrorHandler<Error & { readonly statusCode?: number }>((error, request, reply) => {
    const known = error.statusCode !== undefined && error.statusCode < 500 && !(error instanceof MillraceError) ? new MillraceError('BAD_REQUEST', error.message, { cause: error }) : toMillraceError(error)
    if (known.status >= 500 && known.status !== 503) request.log.error({ err: error, request_id: request.id }, known.message)
    return reply.status(known.status).send({ error: known.message })
  })
}
