import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { HttpServer } from './server.ts'

/** What a service says of itself beside its routes. */
export interface ApiAddition {
  /** By path, as OpenAPI has them; one that a route has, too, stands in its stead. */
  readonly paths: Readonly<Record<string, object>>
  /** By kind and name, for `#/components/KIND/NAME`. */
  readonly components: Readonly<Record<'schemas' | 'parameters', Readonly<Record<string, object>>>>
}

export type DescribeMore = () => Promise<ApiAddition>

const COLON = '%3A'
const DOCUMENT = /\/(json|yaml)$/

/** OpenAPI 3.1 at /docs/json and /docs/yaml, and a page of it at /docs. `more` is asked with each request of the document. */
export async function registerOpenApi(app: HttpServer, info: { readonly title: string; readonly version: string }, more: () => DescribeMore | null): Promise<void> {
  const additions = new WeakMap<object, ApiAddition>()
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info },
    convertConstToEnum: false,
    // A colon that a route escapes is no parameter, though the plugin takes it for one.
    transform: ({ schema, url }) => ({ schema, url: url.replace('::', COLON) }),
    transformObject: (document) => {
      const whole = 'swaggerObject' in document ? document.swaggerObject : document.openapiObject
      const paths = whole.paths ?? {}
      for (const [path, item] of Object.entries(paths)) {
        if (!path.includes(COLON)) continue
        Reflect.deleteProperty(paths, path)
        Reflect.set(paths, path.replace(COLON, ':'), item)
      }
      return whole
    },
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    logLevel: 'warn',
    uiHooks: {
      preHandler: async (request) => {
        const describe = DOCUMENT.test(request.routeOptions.url ?? '') ? more() : null
        if (describe) additions.set(request, await describe())
      },
    },
    transformSpecificationClone: false,
    transformSpecification: (document, request) => {
      const addition = additions.get(request)
      if (!addition) return document
      const components: Readonly<Record<string, object>> = document['components'] ?? {}
      const added = Object.entries(addition.components).map(([kind, of]) => [kind, { ...components[kind], ...of }])
      return { ...document, paths: { ...document['paths'], ...addition.paths }, components: { ...components, ...Object.fromEntries(added) } }
    },
  })
}
