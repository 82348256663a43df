import type { IncomingMessage } from 'node:http'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'

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

/** Called once: with what was parsed, or with an error; `whole` says whether the body was received to its end. */
export type BodyReader = (error: unknown, body: unknown, whole: boolean) => void

/**
 * Reads a JSON body. Errors are BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, BAD_REQUEST, OVERLOADED. `done` is never called when the caller went away
 * before the end.
 */
export function readJson(request: IncomingMessage, limit: number, budget: BodyBudget, done: BodyReader): void {
  const { headers } = request
  const length = headers['content-length']
  const refusal = refuseHeaders(headers['content-type'], headers['content-encoding'], length, limit)
  if (refusal) {
    request.resume()
    done(refusal, undefined, false)
    return
  }
  const expected = length === undefined ? Number.NaN : Number(length)
  if (expected === 0) {
    request.resume()
    parse(undefined, done)
    return
  }
  request.once('data', (chunk: Buffer) => {
    // A small body comes in one piece, and needs no collecting.
    if (chunk.length === expected) parse(chunk, done)
    else collect(request, chunk, limit, budget, done)
  })
  if (length === undefined) request.once('end', () => (request.readableDidRead ? undefined : parse(undefined, done)))
}

function collect(request: IncomingMessage, first: Buffer, limit: number, budget: BodyBudget, done: BodyReader): void {
  const chunks: Buffer[] = []
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
      chunks.push(chunk)
    } catch (error) {
      finish(() => done(error, undefined, false))
    }
  }
  take(first)
  request.on('data', take)
  request.on('end', () => finish(() => parse(Buffer.concat(chunks), done)))
  request.on('close', () => finish(() => undefined))
}

function parse(bytes: Buffer | undefined, done: BodyReader): void {
  let body: unknown
  try {
    body = parseJson(bytes)
  } catch (error) {
    done(error, undefined, true)
    return
  }
  done(null, body, true)
}

function parseJson(bytes: Buffer | undefined): unknown {
  if (bytes === undefined || bytes.length === 0) throw new MillraceError('BAD_REQUEST', 'the body is empty, expected JSON')
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw new MillraceError('BAD_REQUEST', `the body is no JSON: ${errorMessage(error)}`, { cause: error })
  }
}

function refuseHeaders(type: string | undefined, encoding: string | undefined, length: string | undefined, limit: number): MillraceError | undefined {
  if (type !== undefined && type !== 'application/json' && !isJson(type)) {
    return new MillraceError('UNSUPPORTED_MEDIA_TYPE', `content-type is ${type}, expected application/json in UTF-8`)
  }
  if (encoding !== undefined && encoding !== 'identity') return new MillraceError('UNSUPPORTED_MEDIA_TYPE', `content-encoding is ${encoding}, expected none`)
  if (length !== undefined && Number(length) > limit) return tooLarge(Number(length), limit)
  return undefined
}

function isJson(type: string): boolean {
  const [essence = '', ...parameters] = type.split(';').map((part) => part.trim().toLowerCase())
  return essence === 'application/json' && parameters.every((parameter) => parameter === '' || /^charset="?utf-?8"?$/.test(parameter))
}

function tooLarge(bytes: number, limit: number): MillraceError {
  return new MillraceError('BODY_TOO_LARGE', `the body has ${bytes} bytes, the limit is ${limit}`)
}
