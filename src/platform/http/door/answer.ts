import type { Socket } from 'node:net'
import { MillraceError } from '../../errors/index.ts'

/** What a request is answered with: as much of node:http's ServerResponse as predictions need. */
export interface Answer {
  readonly headersSent: boolean
  /** Names and values in turn. */
  writeHead(status: number, headers: string[]): unknown
  /** The encoding is that of a text. */
  end(body: string | Buffer, encoding: 'latin1' | 'utf8'): unknown
}

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Entity',
  429: 'Too Many Requests',
  499: 'Client Closed Request',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  507: 'Insufficient Storage',
}

/** What a value may hold, as node:http has it. */
const VALUE = /^[\t -~\x80-\xff]*$/
/** An answer tells the second it was made in; see `dateLine`. */
const SECOND_MS = 1000
let date = ''
let dateUntil = 0

/** An answer written in one piece on a connection that stays open, unless the answer says `Connection: close`. */
export class DirectAnswer implements Answer {
  readonly #socket: Socket
  readonly #keepAlive: string
  readonly #ended: (close: boolean) => void
  #head = ''
  #close = false

  constructor(socket: Socket, keepAlive: string, ended: (close: boolean) => void) {
    this.#socket = socket
    this.#keepAlive = keepAlive
    this.#ended = ended
  }

  get headersSent(): boolean {
    return this.#head !== ''
  }

  writeHead(status: number, headers: readonly string[]): void {
    let head = `HTTP/1.1 ${status} ${REASONS[status] ?? 'Unknown'}\r\n`
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i]!
      const value = headers[i + 1]!
      if (!VALUE.test(value)) throw new MillraceError('INTERNAL', `the header ${name} cannot hold what it was given`)
      if (name === 'Connection' && value === 'close') this.#close = true
      head += `${name}: ${value}\r\n`
    }
    this.#head = `${head}${dateLine()}${this.#close ? '' : this.#keepAlive}\r\n`
  }

  end(body: string | Buffer, encoding: 'latin1' | 'utf8'): void {
    const socket = this.#socket
    if (socket.writable) {
      // One text is one write. A head in Latin-1 that is not ASCII must not become UTF-8, so that a body in UTF-8 goes by itself.
      if (encoding === 'latin1' && typeof body === 'string') socket.write(this.#head + body, 'latin1')
      else {
        socket.cork()
        socket.write(this.#head, 'latin1')
        if (typeof body === 'string') socket.write(body, encoding)
        else socket.write(body)
        socket.uncork()
      }
    }
    this.#ended(this.#close)
  }
}

/** The Date field (RFC 9110, section 6.6.1), made once a second. */
function dateLine(): string {
  const now = Date.now()
  if (now >= dateUntil) {
    date = `Date: ${new Date(now).toUTCString()}\r\n`
    dateUntil = now - (now % SECOND_MS) + SECOND_MS
  }
  return date
}
