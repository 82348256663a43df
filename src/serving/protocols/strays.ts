import type { FastifyReply } from 'fastify'
import { MillraceError } from '../../platform/errors/index.ts'
import type { HttpServer } from '../../platform/http/index.ts'
import { leaveBodies, useProtocolErrors } from './scope.ts'

/** The methods of the protocols' addresses, as `Allow` lists them. By address, since the router takes `/v1/models/NAME:predict` for a model of that name. */
const ALLOWED: readonly (readonly [RegExp, string])[] = [
  [/^\/invocations$/, 'POST'],
  [/^\/v2\/models\/[^/]+(\/versions\/[^/]+)?\/infer$/, 'POST'],
  [/^\/v1\/models\/[^/]+(\/versions\/[^/]+)?:predict$/, 'POST'],
  [/^\/v2\/repository\/(index|models\/[^/]+\/(un)?load)$/, 'POST'],
  [/^\/v2(\/|\/health\/(live|ready)|\/models\/[^/]+(\/versions\/[^/]+)?(\/ready)?)?$/, 'GET, HEAD'],
  [/^\/v1\/models(\/[^/:]+)?$/, 'GET, HEAD'],
]

/** What the protocols have beyond what serving speaks. */
const LEFT_OUT: readonly (readonly [RegExp, string])[] = [
  [/^\/v2\/models\/[^/]+(\/versions\/[^/]+)?\/config$/, 'the model configuration extension is not offered'],
  [/^\/v2\/models\/[^/]+(\/versions\/[^/]+)?\/stats$/, 'the statistics extension is not offered; /metrics counts and times predictions'],
  [/^\/v2\/(models\/[^/]+\/)?trace\/setting$/, 'the trace extension is not offered'],
  [/^\/v2\/(system|cuda)sharedmemory\//, 'the shared memory extensions are not offered'],
  [/^\/v2\/logging$/, 'the logging extension is not offered'],
  [/^\/v1\/models\/[^/]+:explain$/, 'explanations are not offered'],
]

/** Has requests that belong to a protocol, and that no route takes, refused in its form. */
export async function refuseStrays(http: HttpServer): Promise<void> {
  for (const prefix of ['/invocations', '/v1', '/v2']) {
    await http.register(
      async (scope) => {
        leaveBodies(scope)
        useProtocolErrors(scope)
        scope.setNotFoundHandler(refuseStray)
      },
      { prefix },
    )
  }
}

/** METHOD_NOT_ALLOWED, and `Allow` (RFC 9110, 15.5.6), at an address that answers other methods; NOT_FOUND where there is none. */
export function refuseStray({ method, url }: { readonly method: string; readonly url: string }, reply: FastifyReply): never {
  const path = url.split('?')[0] ?? url
  const allowed = whatOf(ALLOWED, path)
  if (allowed !== undefined && !allowed.split(', ').includes(method)) {
    reply.header('allow', allowed)
    throw new MillraceError('METHOD_NOT_ALLOWED', `${method} ${path}: expected ${allowed}`)
  }
  const why = whatOf(LEFT_OUT, path)
  throw new MillraceError('NOT_FOUND', `${method} ${path}: serving has no such route${why === undefined ? '' : `: ${why}`}`)
}

function whatOf(table: readonly (readonly [RegExp, string])[], path: string): string | undefined {
  return table.find(([pattern]) => pattern.test(path))?.[1]
}
