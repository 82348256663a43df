import { Agent, type IncomingMessage, type ServerResponse, request as send } from 'node:http'
import { pipeline } from 'node:stream'
import type { Lifecycle } from '../limits/lifecycle.ts'
import { PEER_HEADER, sayPeer } from './peer.ts'

/** Headers that concern one connection alone (RFC 9110, 7.6.1); Expect, which was answered here; and what only a worker may say. */
const ONE_HOP: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade', 'expect', PEER_HEADER])
const UNAVAILABLE = JSON.stringify({ error: 'serving is starting or stopping; try again' })

export interface Forwarder {
  readonly forward: (request: IncomingMessage, response: ServerResponse) => void
  /** Requests that change something or predict, and have no answer yet. */
  readonly waiting: number
  readonly close: () => void
}

/** Hands requests on to the service itself at a port of loopback, as they came but for saying whose they are, by the `secret`, and its answers back; none any more while the worker stops. */
export function createForwarder(port: number, secret: string, lifecycle: Pick<Lifecycle, 'leaving' | 'stopping'>): Forwarder {
  const agent = new Agent({ keepAlive: true })
  let waiting = 0
  return {
    get waiting() {
      return waiting
    },
    close: () => agent.destroy(),
    forward: (request, response) => {
      const { method, url, headers } = request
      if (lifecycle.leaving) response.shouldKeepAlive = false
      if (lifecycle.stopping) return void refuse(response)
      const counts = method !== 'GET'
      if (counts) waiting++
      response.once('close', () => {
        if (counts) waiting--
        if (!response.writableFinished) onward.destroy()
      })
      const onward = send({ host: '127.0.0.1', port, agent, method, path: url, headers: [...endToEnd(request.rawHeaders), PEER_HEADER, sayPeer(secret, request.socket.remoteAddress)] }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders))
        // A break on either side ends both; whoever still listens sees the connection close.
        pipeline(answer, response, () => undefined)
      })
      onward.on('error', () => {
        if (response.headersSent || response.destroyed) return void response.destroy()
        refuse(response)
      })
      // Without a body it must stay so: an empty one in chunks is something else to who reads it.
      if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) onward.end()
      else pipeline(request, onward, () => undefined)
    },
  }
}

function refuse(response: ServerResponse): void {
  response.writeHead(503, { 'Content-Type': 'application/json', 'Content-Length': UNAVAILABLE.length, 'Retry-After': '1', Connection: 'close' })
  response.end(UNAVAILABLE)
}

function endToEnd(raw: readonly string[]): string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) if (!ONE_HOP.has(raw[i]!.toLowerCase())) kept.push(raw[i]!, raw[i + 1]!)
  return kept
}
