import type { ProjectConfig } from '../domain/config.ts'
import { serviceUrl } from '../platform/config/index.ts'
import { MillraceError } from '../platform/errors/index.ts'

/** Bytes of a request that HAProxy can send again: it must lie whole in one of its buffers, of which each connection has two. */
const BUFFER = 65_536

/** How often a request is repeated at most, however many instances there are. */
const RETRIES = 3

/** A configuration of HAProxy, 2.4 or newer (docs.haproxy.org/2.6/configuration.html). USAGE where `bind` is no address, CONFIG_INVALID where an instance is not at one that HAProxy can ask in the clear. */
export function haproxyConfig(config: ProjectConfig, bind: string): string {
  if (!/^(\[[\da-f:]+\]|[\w.*-]*):\d{1,5}$/i.test(bind)) throw new MillraceError('USAGE', `--bind: found ${JSON.stringify(bind)}, expected HOST:PORT`)
  const { instances } = config.services.serving
  const addresses = instances.length > 0 ? instances.map((url) => addressOf('services.serving.instances', url)) : [addressOf('services.serving.url', serviceUrl(config, 'serving'))]
  const servers = addresses.map((address, i) => `    server serving${i + 1} ${address}`)
  return `# Made by \`millrace haproxy\`: Millrace's serving, ${addresses.length} ${addresses.length === 1 ? 'instance' : 'instances'}. docs/haproxy.md says what is retried, and why.
global
    maxconn 4000
    tune.bufsize ${BUFFER}

defaults
    mode http
    # A request that waits longer than its model may take is given up by serving itself, with a reason: this is only for a server that hangs.
    timeout connect 1s
    timeout server 120s
    timeout client 65s
    timeout queue 5s
    timeout http-request 10s
    timeout http-keep-alive 65s
    timeout check 2s

frontend serving
    bind ${bind}
    acl predicts path -m reg ^(/invocations|/v2/models/[^/]+(/versions/[^/]+)?/infer|/v1/models/[^/]+(/versions/[^/]+)?:predict)$
    acl reads method GET HEAD
    # An instance has a journal, rollouts and loaded models of its own: what is about them is asked of it, not of any.
    acl anywhere path -m reg ^(/v1(/.*)?|/v2|/v2/(health|models)/.*|/ping|/health|/version|/docs(/.*)?)$
    http-request return status 404 content-type application/json string "{\\"error\\":\\"ask an instance of serving for this\\"}" unless predicts or reads anywhere
    # Whoever is counted by the address that HAProxy saw (limits.quota.caller: x-forwarded-for), whatever they said of themselves.
    http-request set-header X-Forwarded-For %[src]
    # One id for all attempts: a request that two instances answered is one prediction to whoever joins by it.
    http-request set-header X-Request-Id %[uuid()] unless { req.hdr(x-request-id) -m found }
    http-request set-var(txn.repeatable) bool(true) if predicts or reads
${addresses.length > 1 ? ONLY_WHERE_SOMEBODY_ANSWERS : ''}    default_backend instances

backend instances
    balance leastconn
    option redispatch 1
${addresses.length > 1 ? `    # Each other instance once.
    retries ${Math.min(RETRIES, addresses.length - 1)}
    retry-on conn-failure empty-response 503
` : `    retries ${RETRIES}
    retry-on conn-failure
`}    http-request disable-l7-retry unless { var(txn.repeatable) -m bool }
    option httpchk
    http-check send meth GET uri /v2/health/ready ver HTTP/1.1 hdr Host 127.0.0.1
    http-check expect status 200
    default-server check inter 1s fastinter 250ms fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down
${servers.join('\n')}
`
}

/**
 * A request that all instances asked have answered with 503, as they do when they are full, is answered so; for a second after that, those to the same address are asked once: retries
 * would multiply an overload. What HAProxy retries does not come to its rules, so these see the last answer alone.
 */
const ONLY_WHERE_SOMEBODY_ANSWERS = `    stick-table type string len 256 size 10k expire 10s store gpc0_rate(1s)
    http-request track-sc0 path if predicts or reads
    http-request set-var(txn.repeatable) bool(false) if { sc0_gpc0_rate gt 0 }
    http-response sc-inc-gpc0(0) if { status 503 }
`

function addressOf(key: string, url: string): string {
  const { protocol, hostname, port, pathname, search, username } = new URL(url)
  if (protocol !== 'http:' || pathname !== '/' || search !== '' || username !== '') {
    throw new MillraceError('CONFIG_INVALID', `${key}: found ${JSON.stringify(url)}, expected http://HOST:PORT: HAProxy asks instances of serving in the clear, at their own addresses; name these in services.serving.instances`)
  }
  return `${hostname}:${port || 80}`
}
