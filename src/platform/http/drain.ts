import type { IncomingMessage } from 'node:http'

/** nginx's lingering_time, for the same reason. */
const LINGER_MS = 30_000

/**
 * Reads what is left of a body that was refused, and throws it away, for at most `limitMs`. true once its end has come.
 *
 * An answer behind which a connection is closed with bytes unread is lost: the closing side resets it, and a client that is still sending learns only of a
 * broken pipe (RFC 9112, section 9.6). So a refusal waits for the end; where that does not come in time the connection has to be closed.
 */
export function drain(request: IncomingMessage, limitMs = LINGER_MS): Promise<boolean> {
  return new Promise((resolve) => {
    if (request.readableEnded || request.destroyed) return resolve(request.readableEnded)
    const done = (): void => {
      clearTimeout(timer)
      for (const event of ENDS) request.off(event, done)
      resolve(request.readableEnded)
    }
    const timer = setTimeout(done, limitMs)
    for (const event of ENDS) request.on(event, done)
    request.resume()
  })
}

const ENDS = ['end', 'error', 'close'] as const
