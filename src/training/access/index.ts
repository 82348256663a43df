import type { FastifyRequest } from 'fastify'
import { MillraceError } from '../../platform/errors/index.ts'
import type { HttpServer } from '../../platform/http/index.ts'
import { RULES, type Rule } from './rules.ts'

export type { Action, Resource, Rule } from './rules.ts'

/** Whether the caller may do what the rule says. */
export type Permit = (rule: Rule, request: FastifyRequest) => boolean | Promise<boolean>

/** A service that listens on loopback and knows no identities yet serves whoever reaches it; the gateway, in front of it, does know them. */
const everyone: Permit = () => true

/** Denies what no rule names, and what `permit` does not allow, before anything of the request is read. Call it before routes are registered. */
export function guardRoutes(http: HttpServer, permit: Permit = everyone): void {
  http.addHook('onRequest', async (request) => {
    const { url } = request.routeOptions
    // No route: the handler of missing routes answers, which touches nothing.
    if (url === undefined) return
    const rule = ruleOf(request.method, url)
    if (rule === undefined) throw new MillraceError('ACCESS_DENIED', `${request.method} ${url}: no access rule names this route, so it is denied to everyone`)
    if (!(await permit(rule, request))) throw new MillraceError('ACCESS_DENIED', `${request.method} ${url}: you may not ${rule.action} ${rule.resource}`)
  })
}

/** The rule of a route; HEAD is GET without a body. */
export function ruleOf(method: string, url: string): Rule | undefined {
  return RULES.get(`${method === 'HEAD' ? 'GET' : method} ${url.replace(/^\/(?:ajax-)?api(?=\/)/, '')}`)
}
