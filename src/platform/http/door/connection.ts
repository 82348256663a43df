import type { Socket } from 'node:net'
import { type Answer, DirectAnswer } from './answer.ts'
import { type WholeRequest, parseRequest } from './request.ts'

/** Answers a request that has arrived whole, now or later, and returns true; or returns false. */
export type WholeRequestTaker = (request: WholeRequest, answer: Answer) => boolean

export interface ConnectionOptions {
  readonly taker: WholeRequestTaker
  /** Bodies of more bytes are node:http's, which receives them piece by piece. */
  readonly mostBody: number
  /** Fields that tell how long the connection is kept, each with its line break. */
  readonly keepAlive: string
  /** The connection, from `bytes` on, is node:http's. */
  readonly handOver: (socket: Socket, bytes: Buffer) => void
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
  readonly #onClose = (): void => this.#options.closed(this)
  readonly #onAnswered = (close: boolean): void => this.#answered(close)
  /** What came and is no whole request yet, or stands behind one that is not answered. */
  #waiting: Buffer | null = null
  #busy = false
  #closing = false
  #reading = false
  /** When it last had nothing to do, by performance.now(). */
  since = performance.now()

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket
    this.#options = options
    // An error is followed by `close`, and there is nobody to be told.
    socket.on('error', ignore).on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose)
  }

  /** Whether nothing of a request has come, and none is being answered. */
  get idle(): boolean {
    return !this.#busy && this.#waiting === null
  }

  get busy(): boolean {
    return this.#busy
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
    const bytes = this.#waiting ? Buffer.concat([this.#waiting, chunk]) : chunk
    if (!this.#busy) return this.#read(bytes)
    this.#waiting = bytes
    if (bytes.length > MOST_WAITING) this.#socket.pause()
  }

  /** Takes one request after the other, so long as each is answered at once. */
  #read(bytes: Buffer): void {
    let rest: Buffer | null = bytes
    this.#reading = true
    while (rest !== null && !this.#busy && !this.#closing) rest = this.#take(rest)
    this.#reading = false
  }

  /** What is to be looked at next; null where nothing is, or must wait. */
  #take(bytes: Buffer): Buffer | null {
    const { taker, mostBody, keepAlive } = this.#options
    const parsed = parseRequest(bytes, mostBody)
    if (parsed === 'other') return this.#handOver(bytes)
    if (parsed === 'more') {
      if (this.#waiting === null) this.since = performance.now()
      this.#waiting = bytes
      return null
    }
    const { url, headers, bodyFrom, end } = parsed
    this.#busy = true
    this.#waiting = bytes.length > end ? bytes.subarray(end) : null
    const request: WholeRequest = { method: 'POST', url, headers, body: bytes.subarray(bodyFrom, end), socket: this.#socket }
    if (!taker(request, new DirectAnswer(this.#socket, keepAlive, this.#onAnswered))) {
      this.#busy = false
      return this.#handOver(bytes)
    }
    return this.#busy ? null : this.#waiting
  }

  #answered(close: boolean): void {
    this.#busy = false
    this.since = performance.now()
    if (close) {
      this.#closing = true
      this.#socket.end()
    }
    const waiting = this.#waiting
    if (this.#closing || this.#reading) return
    if (this.#socket.isPaused()) this.#socket.resume()
    if (waiting !== null) {
      this.#waiting = null
      this.#read(waiting)
    }
  }

  /** As node:http has it, a caller that closes its side waits for nothing: what it asked for is not worth computing any more. */
  #end(): void {
    if (this.#closing) return
    this.#closing = true
    if (this.#busy || this.#waiting === null) this.#socket.end()
    else this.#socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
  }

  #handOver(bytes: Buffer): null {
    this.#waiting = null
    this.#closing = true
    const socket = this.#socket
    socket.off('error', ignore).off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose)
    this.#options.closed(this)
    this.#options.handOver(socket, bytes)
    return null
  }
}

function ignore(): void {}
