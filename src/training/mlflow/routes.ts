import type { FastifyReply, FastifyRequest } from 'fastify'
import Type, { type Static, type TObject, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import type { HttpServer } from '../../platform/http/index.ts'
import { fromFastify, invalid, toMlflowError } from './errors.ts'
import { registerLeftOut } from './left-out.ts'

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

/** One endpoint of MLflow's REST API. `path` begins behind `/api` and `/ajax-api`, under both of which it is served. */
export interface Endpoint {
  readonly method: Method
  readonly path: string
  readonly schema: TObject
  readonly handle: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>
}

export function endpoint<S extends TObject>(
  method: Method,
  path: string,
  schema: S,
  handle: (input: Static<S>, request: FastifyRequest, reply: FastifyReply) => Promise<unknown>,
): Endpoint {
  const parse = parser(schema)
  return {
    method,
    path,
    schema,
    handle: (request, reply) => handle(parse(method === 'GET' ? request.query : request.body, request.params), request, reply),
  }
}

/** Serves `endpoints`, and MLflow's own error bodies for whatever goes wrong in them. */
export async function registerEndpoints(http: HttpServer, endpoints: readonly Endpoint[]): Promise<void> {
  for (const prefix of ['/api', '/ajax-api']) {
    await http.register(
      (scope, _options, done) => {
        useMlflowErrors(scope)
        scope.setNotFoundHandler((request, reply) =>
          reply.status(404).send({ error_code: 'ENDPOINT_NOT_FOUND', message: `${request.method} ${request.url.split('?')[0]}: there is no such endpoint` }),
        )
        // The schemas are there for /docs; `endpoint` itself parses, since protobuf's JSON is wider than what ajv or TypeBox would coerce.
        scope.setValidatorCompiler(() => (value) => ({ value }))
        for (const { method, path, schema, handle } of endpoints) {
          const part = method === 'GET' ? { querystring: schema } : { body: schema }
          scope.route({ method, url: path, schema: { ...part, tags: ['mlflow'], hide: prefix !== '/api' }, handler: handle })
        }
        registerLeftOut(scope)
        done()
      },
      { prefix },
    )
  }
}

export function useMlflowErrors(scope: Pick<HttpServer, 'setErrorHandler'>): void {
  scope.setErrorHandler<Error & { statusCode?: number }>((error, request, reply) => {
    const known = fromFastify(error)
    const { status, body } = toMlflowError(known, request.id)
    if (status >= 500) request.log.error({ err: error, request_id: request.id, url: request.url }, known.message)
    return reply.status(status).type('application/json; charset=utf-8').send(body)
  })
}

function parser<S extends TObject>(schema: S): (given: unknown, params: unknown) => Static<S> {
  let compiled: ReturnType<typeof Compile<S>> | undefined
  return (given, params) => {
    if (given !== undefined && given !== null && (typeof given !== 'object' || Array.isArray(given))) throw invalid('the body: expected a JSON object')
    const input = prepare(schema, { ...given, ...(params as object) })
    compiled ??= Compile(schema)
    if (compiled.Check(input)) return input
    throw invalid(explain(schema, input, compiled.Errors(input)))
  }
}

/** In a query one value of a list stands alone and truth is a word, which Python writes with a capital; in JSON null means absent. */
function prepare(schema: TObject, given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const input: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined) continue
    const property: TSchema | undefined = schema.properties[name]
    if (property !== undefined && Type.IsArray(property) && !Array.isArray(value)) input[name] = [value]
    else if (property !== undefined && Type.IsBoolean(property) && typeof value === 'string' && /^(true|false)$/i.test(value)) input[name] = value.toLowerCase() === 'true'
    else input[name] = value
  }
  return input
}

function explain(schema: TObject, input: Readonly<Record<string, unknown>>, errors: readonly { instancePath: string; message: string; keyword: string }[]): string {
  const missing = (schema.required ?? []).filter((name: string) => !(name in input))
  if (missing.length > 0) return `Missing value for required parameter '${missing[0]}'.`
  // The deepest place is the cause; the unions above it only repeat that nothing matched.
  const deepest = errors.toSorted((a, b) => b.instancePath.split('/').length - a.instancePath.split('/').length)[0]
  const path = (deepest?.instancePath ?? '').split('/').slice(1)
  let found: unknown = input
  for (const part of path) found = typeof found === 'object' && found !== null ? Reflect.get(found, part) : undefined
  const where = path.map((part, i) => (/^\d+$/.test(part) ? `[${part}]` : i === 0 ? part : `.${part}`)).join('')
  return `Invalid value ${(JSON.stringify(found) ?? 'nothing').slice(0, 200)} for parameter '${where}' supplied: ${deepest?.message ?? 'it does not fit'}`
}
