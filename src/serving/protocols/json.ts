import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import { mediaType } from './media-type.ts'

/** `exact`: whole numbers beyond 2^53 come as bigint instead of rounded. BAD_REQUEST for what is no JSON in UTF-8. */
export function parseJson(bytes: Buffer, exact = false): unknown {
  if (bytes.length === 0) throw new MillraceError('BAD_REQUEST', 'the body is empty, expected JSON')
  refuseDepth(bytes)
  try {
    const text = bytes.toString('utf8')
    return exact && hasLongDigits(text) ? JSON.parse(text, wholeNumbers) : JSON.parse(text)
  } catch (error) {
    throw new MillraceError('BAD_REQUEST', `the body is no JSON: ${errorMessage(error)}`, { cause: error })
  }
}

/** Whether there may be a whole number in it that is not safe: 2^53 has sixteen digits. */
export function hasLongDigits(text: string): boolean {
  return /\d{16}/.test(text)
}

function wholeNumbers(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source
  return typeof value === 'number' && !Number.isSafeInteger(value) && source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value
}

/** As deep as protobuf lets its messages be: what walks a value may go down by recursion, and must not run out of stack. */
const DEEPEST = 100
/** Bytes that cannot hold a value deep enough to do harm: as many levels as bytes are no trouble to anyone yet. */
const HARMLESS = 2048

function refuseDepth(bytes: Buffer): void {
  if (bytes.length <= HARMLESS) return
  let depth = 0
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (inString) {
      if (byte === BACKSLASH) i++
      else if (byte === QUOTE) inString = false
    } else if (byte === QUOTE) inString = true
    // Brackets and braces differ in one bit.
    else if ((byte | BRACE_BIT) === OPENING) {
      if (++depth > DEEPEST) throw new MillraceError('BAD_REQUEST', `the body is nested more than ${DEEPEST} levels deep`)
    } else if ((byte | BRACE_BIT) === CLOSING) depth--
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const BRACE_BIT = 0x20
const OPENING = 0x7b
const CLOSING = 0x7d

/** A body without a type is taken for JSON. UNSUPPORTED_MEDIA_TYPE for any other than JSON in UTF-8. */
export function acceptJson(contentType: string | undefined): void {
  if (contentType === undefined || contentType === 'application/json') return
  if (mediaType(contentType) !== 'application/json') throw new MillraceError('UNSUPPORTED_MEDIA_TYPE', `content-type is ${contentType}, expected application/json in UTF-8`)
}
