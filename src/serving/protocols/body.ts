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

/**
 * Reads a JSON body. `done` is called once: with what was parsed, or with BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, BAD_REQUEST, OVERLOADED; never when
 * the caller went away before the end.
 */
export function readJson(request: IncomingMessage, limit: number, budget: BodyBudget, done: (error: unknown, body: unknown) => void): void {
  const { headers } = request
  const refusal = refuseHeaders(headers['content-type'], headers['content-encoding'], headers['content-length'], limit)
  if (refusal) {
    request.resume()
    done(refusal, undefined)
    return
  }
  let held = 0
  let first: Buffer | undefined
  let chunks: Buffer[] | undefined
  let ended = false
  const finish = (error: unknown, body: unknown): void => {
    if (ended) return
    ended = true
    budget.give(held)
    done(error, body)
  }
  request.on('data', (chunk: Buffer) => {
    if (ended) return
    try {
      budget.take(chunk.length)
      held += chunk.length
      if (held > limit) throw tooLarge(held, limit)
    } catch (error) {
      finish(error, undefined)
      return
    }
    if (first === undefined) first = chunk
    else (chunks ??= [first]).push(chunk)
  })
  request.on('end', () => {
    if (ended) return
    const bytes = chunks ? Buffer.concat(chunks) : first
    let body: unknown
    try {
      body = parseJson(bytes)
    } catch (error) {
      finish(error, undefined)
      return
    }
    finish(null, body)
  })
  request.on('close', () => {
    if (ended) return
    ended = true
    budget.give(held)
  })
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
