import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { createAwake } from './awake.ts'
import { Requests } from './request.ts'
import { HeldBytes } from './waiting.ts'
import { Connection, type WholeRequestTaker } from './connection.ts'

export type { Answer } from './answer.ts'
export type { WholeRequestTaker } from './connection.ts'
export type { WholeRequest } from './request.ts'

/** Bodies of more bytes are node:http's, which receives them piece by piece. */
const MOST_BODY = 256 * 1024
/** Of requests that have not come whole, all connections together. */
const MOST_HELD = 16 * 1024 * 1024
const SWEEP_MS = 5000

export interface DoorOptions {
  /** How long after an answer the event loop does not sleep, milliseconds; see `createAwake`. Default 0. */
  readonly busyPollMs?: number
  /** How often connections are looked at that have done nothing for long. */
  readonly sweepMs?: number
}

/**
 * Receives the connections of an HTTP server before node:http does, which costs 20 µs a request. Plain requests that `taker` knows are answered here; a connection
 * that brings any other request is node:http's from that request on, with every byte it brought. Time limits and closing are those of the server.
 */
export function openDoor(server: Server, taker: WholeRequestTaker, { busyPollMs = 0, sweepMs = SWEEP_MS }: DoorOptions = {}): void {
  const listeners = server.listeners('connection')
  const open = new Set<Connection>()
  const keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(server.keepAliveTimeout / 1000)}\r\n`
  const options = {
    taker,
    requests: new Requests(MOST_BODY),
    held: new HeldBytes(MOST_HELD),
    keepAlive,
    awake: createAwake(busyPollMs),
    closed: (connection: Connection) => void open.delete(connection),
    handOver: (socket: Socket, bytes: Buffer) => {
      socket.pause()
      socket.unshift(bytes)
      for (const listener of listeners) Reflect.apply(listener, server, [socket])
      socket.resume()
    },
  }
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => open.add(new Connection(socket, options)))
  const sweep = setInterval(() => {
    const now = performance.now()
    for (const connection of open) {
      if (connection.busy) continue
      const { idle, coming, since } = connection
      const limit = coming === 'body' ? server.requestTimeout : coming === 'head' ? server.headersTimeout : server.keepAliveTimeout
      if (limit === 0 || now - since <= limit) continue
      if (idle) connection.destroy()
      else connection.timeOut()
    }
  }, sweepMs).unref()
  const { closeIdleConnections, closeAllConnections } = server
  server.closeIdleConnections = () => {
    closeIdleConnections.call(server)
    for (const connection of open) if (connection.idle) connection.destroy()
  }
  server.closeAllConnections = () => {
    closeAllConnections.call(server)
    for (const connection of open) connection.destroy()
  }
  server.once('close', () => clearInterval(sweep))
}
