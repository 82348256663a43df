import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** With a request that a worker hands on: whose it is. Never passed on from outside. */
export const PEER_HEADER = 'x-millrace-peer'

interface Asked {
  readonly headers: IncomingHttpHeaders
  readonly socket: { readonly remoteAddress?: string | undefined }
}

/** The header's value. `secret`: known to the service and its workers alone, for anybody on this machine can reach the port where workers find the service. */
export function sayPeer(secret: string, address: string | undefined): string {
  return `${secret} ${address ?? ''}`
}

/** The caller's own address: what a worker says that it is, by the secret; of a request that no worker sent, that of its connection. */
export function peerAddress(secret: string): (request: Asked) => string | undefined {
  const known = Buffer.from(`${secret} `)
  return ({ headers, socket }) => {
    const said = headers[PEER_HEADER]
    if (typeof said !== 'string') return socket.remoteAddress
    const begun = Buffer.from(said).subarray(0, known.length)
    return begun.length === known.length && timingSafeEqual(begun, known) ? said.slice(known.length) : socket.remoteAddress
  }
}
