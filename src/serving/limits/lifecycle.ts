import { Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** How long connections that are open may bring one more request: a caller that is busy does within a few milliseconds. */
const LAST_WORD_MS = 50
const LOOK_EVERY_MS = 5

/** Where connections come in. */
export interface Door {
  /** Lets in no more. */
  readonly close: () => void
  /** How many are open. */
  readonly connections: () => Promise<number>
}

/** How far the service is on its way out. */
export class Lifecycle {
  /** It says that it is not ready, answers all that comes, and asks for each connection to be closed behind its answer. */
  leaving = false
  /** Nothing new is accepted. */
  stopping = false
  /** Requests whose bodies are whole and that have no answer yet. */
  inFlight = 0

  /** For `graceMs` balancers may learn from readiness that this server goes. */
  async announce(graceMs: number): Promise<void> {
    this.leaving = true
    if (graceMs > 0) await sleep(graceMs)
  }

  /**
   * Stops listening. Connections that are open get to bring what they are just sending, for it cannot be told from nothing: closing them at once would cut those
   * requests off.
   */
  async leave(door: Door, lastWordMs = LAST_WORD_MS): Promise<void> {
    this.leaving = true
    door.close()
    for (let waited = 0; waited < lastWordMs && (await door.connections()) > 0; waited += LOOK_EVERY_MS) await sleep(LOOK_EVERY_MS)
    this.stopping = true
  }
}

const { close: closeListener } = Server.prototype

export function doorOf(server: Server): Door {
  return {
    // Not the close of an HTTP server: that ends idle connections too.
    close: () => void (server.listening && closeListener.call(server)),
    connections: () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count))),
  }
}
