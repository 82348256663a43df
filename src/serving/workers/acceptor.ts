import { type Server, type Socket, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { listenAt } from '../../platform/http/index.ts'
import type { ListenAddress } from '../../platform/service/index.ts'

const LOOK_EVERY_MS = 5

/** What of a worker matters here. */
export interface Taker {
  /** Connections on their way to it. */
  readonly arriving: number
  /** Resolves with whether it has the connection; with false it has read nothing of it. */
  readonly hand: (socket: Socket) => Promise<boolean>
}

/**
 * Takes the connections at the service's port and hands them to workers in turn, unread. Each is kept here until a worker says that it has it: when that one is gone
 * instead, the next gets the connection, and its client notices nothing.
 */
export class Acceptor {
  readonly #workers: () => readonly Taker[]
  readonly #server: Server
  /** No worker has them yet. */
  readonly #kept = new Set<Socket>()
  readonly #waiting: Socket[] = []
  #turn = 0

  /** `workers`: those that take connections now. */
  constructor(workers: () => readonly Taker[]) {
    this.#workers = workers
    this.#server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => this.#accept(socket))
  }

  /** Resolves with the port. PORT_TAKEN where it cannot listen. */
  listen({ host, port }: ListenAddress): Promise<number> {
    return listenAt(this.#server, 'serving', host, port)
  }

  /** There is a worker again. */
  wake(): void {
    for (const socket of this.#waiting.splice(0)) this.#hand(socket)
  }

  /** Takes no more. Resolves when workers have what was taken, or `patienceMs` are over; what none has by then is closed. */
  async stop(patienceMs: number): Promise<void> {
    this.#server.close()
    const deadline = performance.now() + patienceMs
    while (this.#kept.size > 0 && this.#workers().length > 0 && performance.now() < deadline) await sleep(LOOK_EVERY_MS)
    for (const socket of this.#kept) socket.destroy()
  }

  #accept(socket: Socket): void {
    this.#kept.add(socket)
    socket.on('close', () => this.#kept.delete(socket))
    // Its client went before anybody heard it.
    socket.on('error', () => socket.destroy())
    this.#hand(socket)
  }

  #hand(socket: Socket): void {
    if (socket.destroyed) return
    const worker = this.#next()
    if (!worker) return void this.#waiting.push(socket)
    // The worker has a descriptor of its own for it: closing this one does not end the connection. The next is asked in a later turn of the event loop, in which it can
    // be heard that a worker is gone: before that, its channel refuses all that it is handed at once.
    void worker.hand(socket).then((taken) => (taken ? socket.destroy() : setImmediate(() => this.#hand(socket))))
  }

  /** In turn; but one that is slow to take what it was handed, since a model keeps it busy or it hangs, gets no more than the others have to take. */
  #next(): Taker | undefined {
    const workers = this.#workers()
    let next: Taker | undefined
    let turn = this.#turn
    for (let i = 0; i < workers.length; i++) {
      const at = (this.#turn + i) % workers.length
      const worker = workers[at]
      if (worker && (!next || worker.arriving < next.arriving)) [next, turn] = [worker, at + 1]
    }
    this.#turn = turn
    return next
  }
}
