import type { Socket } from 'node:net'
import { type Answer, DirectAnswer } from './answer.ts'
import type { Awake } from './awake.ts'
import type { Requests, WholeRequest } from './request.ts'
import { type HeldBytes, Waiting } from './waiting.ts'

/** Answers a request that has arrived whole, now or later, and returns true; or returns false. */
export type WholeRequestTaker = (request: WholeRequest, answer: Answer) => boolean

export interface ConnectionOptions {
  readonly taker: WholeRequestTaker
  readonly requests: Requests
  /** Of all connections: when it is full, what is not whole yet is node:http's, which has a limit of its own. */
  readonly held: HeldBytes
  /** Fields that tell how long the connection is kept, each with its line break. */
  readonly keepAlive: string
  /** The connection, from `bytes` on, is node:http's. */
  readonly handOver: (socket: Socket, bytes: Buffer) => void
  readonly awake: Awake
  readonly closed: (connection: Connection) => void
}

/** Bytes that may wait behind a request that has no answer yet. */
const MOST_WAITING = 64 * 1024

/** One request after the other on one connection, as long as they are of the plain kind; with the first that is not, node:http takes over. */
export class Connection {
  readonly #socket: Socket
  readonly #options: ConnectionOptions
  readonly #onData = (chunk: Buffer): void => this.#receive(chunk)
  readonly #onEnd = (): void => this.#end()
  readonly #onClose = (): void => {
    this.#waiting.take()
    this.#options.closed(this)
  }
  readonly #onAnswered = (close: boolean): void => this.#answered(close)
  /** What came and is no whole request yet, or stands behind one that is not answered. */
  readonly #waiting: Waiting
  /** Bytes that must have come before it pays to look at them again. */
  #needed = 0
  /** Of a request that has begun to come: what is still coming. */
  #coming: 'head' | 'body' | null = null
  #busy = false
  #closing = false
  #reading = false
  /** When it last had nothing to do, or the request that is coming began, by performance.now(). */
  since = performance.now()

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket
    this.#options = options
    this.#waiting = new Waiting(options.held)
    // An error is followed by `close`, and there is nobody to be told.
    socket.on('error', ignore).on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose)
  }

  /** Whether nothing of a request has come, and none is being answered. */
  get idle(): boolean {
    return !this.#busy && this.#waiting.size === 0
  }

  get busy(): boolean {
    return this.#busy
  }

  get coming(): 'head' | 'body' | null {
    return this.#coming
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** The request that it has begun did not come to its end in time. */
  timeOut(): void {
    this.#closing = true
    this.#socket.end('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n')
  }

  #receive(chunk: Buffer): void {
    if (this.#closing) return
    const waiting = this.#waiting
    if (!this.#busy && waiting.size === 0) return this.#read(chunk)
    waiting.push(chunk)
    if (this.#busy) {
      if (waiting.size > MOST_WAITING) this.#socket.pause()
    } else if (waiting.size >= this.#needed || this.#options.held.full) this.#read(waiting.take())
  }

  /** Takes one request after the other, so long as each is answered at once. */
  #read(bytes: Buffer): void {
    let rest: Buffer | null = bytes
    this.#reading = true
    while (rest !== null && !this.#closing) rest = this.#take(rest)
    this.#reading = false
  }

  /** What is to be looked at next; null where nothing is, or must wait. */
  #take(bytes: Buffer): Buffer | null {
    const { taker, requests, keepAlive, held } = this.#options
    const parsed = requests.parse(bytes)
    if (parsed === 'other') return this.#handOver(bytes)
    if ('needed' in parsed) {
      if (held.full) return this.#handOver(bytes)
      if (this.#coming === null) this.since = performance.now()
      this.#coming = parsed.part
      this.#needed = parsed.needed
      this.#waiting.push(bytes)
      return null
    }
    this.#coming = null
    const { url, headers, bodyFrom, end } = parsed
    const rest = bytes.length > end ? bytes.subarray(end) : null
    this.#busy = true
    const request: WholeRequest = { method: 'POST', url, headers, body: bytes.subarray(bodyFrom, end), socket: this.#socket }
    if (!taker(request, new DirectAnswer(this.#socket, keepAlive, this.#onAnswered))) {
      this.#busy = false
      return this.#handOver(bytes)
    }
    if (!this.#busy) return rest
    if (rest !== null) this.#waiting.push(rest)
    return null
  }

  #answered(close: boolean): void {
    this.since = performance.now()
    this.#options.awake.answered(this.since)
    if (close) {
      this.#closing = true
      this.#socket.end()
    }
    // A caller that does not read its answers gets no more of them.
    if (this.#socket.writableNeedDrain) this.#socket.once('drain', () => this.#free())
    else this.#free()
  }

  #free(): void {
    this.#busy = false
    if (this.#closing || this.#reading) return
    if (this.#socket.isPaused()) this.#socket.resume()
    if (this.#waiting.size > 0) this.#read(this.#waiting.take())
  }

  /** As node:http has it, a caller that closes its side waits for nothing: what it asked for is not worth computing any more. */
  #end(): void {
    if (this.#closing) return
    this.#closing = true
    if (this.#busy || this.#waiting.size === 0) this.#socket.end()
    else this.#socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
  }

  #handOver(bytes: Buffer): null {
    this.#closing = true
    const socket = this.#socket
    socket.off('error', ignore).off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose)
    this.#options.closed(this)
    this.#options.handOver(socket, bytes)
    return null
  }
}

function ignore(): void {}
