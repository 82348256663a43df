import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { MillraceError } from '../../platform/errors/index.ts'
import type { Protocol } from './protocol.ts'

/** Bytes that one request may have. */
export interface BodyLimits {
  /** Of a body that is raw tensors, but for a little JSON. */
  readonly raw: number
  /** Of what is parsed value by value, which takes many times its size and holds the event loop: JSON, CSV, Parquet. At most `raw`. */
  readonly parsed: number
}

export function limitOf({ jsonBytes }: Pick<Protocol, 'jsonBytes'>, headers: IncomingHttpHeaders, { raw, parsed }: BodyLimits): number {
  const json = jsonBytes?.(headers)
  return json !== undefined && json <= parsed ? raw : parsed
}

/** Bytes of bodies that are being received, all together: a bound on what slow senders can make us hold. */
export class BodyBudget {
  readonly #limit: number
  #held = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  take(bytes: number): void {
    if (this.#held + bytes > this.#limit) throw new MillraceError('OVERLOADED', `${this.#held} bytes of requests are being received; try again`)
    this.#held += bytes
  }

  give(bytes: number): void {
    this.#held -= bytes
  }
}

/** Called once: with the bytes, or with an error and nothing. */
export type BodyReader = (error: unknown, body: Buffer | null) => void

const EMPTY = Buffer.alloc(0)

/** Reads a body. Errors are BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, OVERLOADED. `done` is never called when the caller went away before the end. */
export function readBody(request: IncomingMessage, limit: number, budget: BodyBudget, done: BodyReader): void {
  const { headers } = request
  const length = headers['content-length']
  const refusal = refuseHeaders(headers['content-encoding'], length, limit)
  if (refusal) {
    done(refusal, null)
    return
  }
  const expected = length === undefined ? Number.NaN : Number(length)
  if (expected === 0) {
    request.resume()
    done(null, EMPTY)
    return
  }
  request.once('data', (chunk: Buffer) => {
    // A small body comes in one piece, and needs no collecting.
    if (chunk.length === expected) done(null, chunk)
    else collect(request, chunk, limit, budget, done)
  })
  if (length === undefined) request.once('end', () => (request.readableDidRead ? undefined : done(null, EMPTY)))
}

function collect(request: IncomingMessage, first: Buffer, limit: number, budget: BodyBudget, done: BodyReader): void {
  const pieces = new Pieces()
  let held = 0
  let ended = false
  const finish = (answer: () => void): void => {
    if (ended) return
    ended = true
    budget.give(held)
    answer()
  }
  const take = (chunk: Buffer): void => {
    if (ended) return
    try {
      budget.take(chunk.length)
      held += chunk.length
      if (held > limit) throw tooLarge(held, limit)
      pieces.push(chunk)
    } catch (error) {
      finish(() => done(error, null))
    }
  }
  take(first)
  request.on('data', take)
  request.on('end', () => finish(() => done(null, pieces.whole())))
  request.on('close', () => finish(() => undefined))
}

/** Pieces that are kept as they came hold on to the 64 KiB that were read with them, and cost an object each: smaller ones are copied together. */
const SMALL = 16 * 1024
const TOGETHER = 64 * 1024

/** A body as it comes: one sent a byte at a time takes no more memory than another. */
class Pieces {
  readonly #pieces: Buffer[] = []
  #copies = EMPTY
  #from = 0
  #to = 0

  push(piece: Buffer): void {
    if (piece.length >= SMALL) {
      this.#flush()
      this.#pieces.push(piece)
      return
    }
    if (this.#to + piece.length > this.#copies.length) {
      this.#flush()
      this.#copies = Buffer.allocUnsafeSlow(TOGETHER)
      this.#from = this.#to = 0
    }
    this.#to += piece.copy(this.#copies, this.#to)
  }

  whole(): Buffer {
    this.#flush()
    return Buffer.concat(this.#pieces)
  }

  #flush(): void {
    if (this.#to > this.#from) this.#pieces.push(this.#copies.subarray(this.#from, this.#to))
    this.#from = this.#to
  }
}

function refuseHeaders(encoding: string | undefined, length: string | undefined, limit: number): MillraceError | undefined {
  if (encoding !== undefined && encoding !== 'identity') return new MillraceError('UNSUPPORTED_MEDIA_TYPE', `content-encoding is ${encoding}, expected none`)
  if (length !== undefined && Number(length) > limit) return tooLarge(Number(length), limit)
  return undefined
}

function tooLarge(bytes: number, limit: number): MillraceError {
  return new MillraceError('BODY_TOO_LARGE', `the body has ${bytes} bytes, the limit is ${limit}`)
}
