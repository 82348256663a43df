import type { ServiceConfig } from '../platform/config/index.ts'
import type { HttpServer } from '../platform/http/index.ts'

/**
 * MLflow's clients print links to its user interface at the root of the tracking service, such as `http://127.0.0.1:5000/#/experiments/1/runs/ID`. Our console is
 * at the gateway: the redirect leads there, and the browser carries what stands behind `#`, which no server sees, over to it.
 */
export function registerConsoleLink(http: HttpServer, gateway: ServiceConfig): void {
  http.get('/', { schema: { hide: true } }, (request, reply) => reply.redirect(`${consoleUrl(gateway, request.headers.host)}/`))
}

/** Where nobody said under which name the gateway is reached, it is the name under which this service was. */
function consoleUrl({ url, port }: ServiceConfig, host = '127.0.0.1'): string {
  return url === undefined ? `http://${new URL(`http://${host}`).hostname}:${port}` : url.replace(/\/+$/, '')
}
