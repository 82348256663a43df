import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import { mediaType } from './media-type.ts'

/** BAD_REQUEST for what is no JSON in UTF-8. */
export function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) throw new MillraceError('BAD_REQUEST', 'the body is empty, expected JSON')
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    throw new MillraceError('BAD_REQUEST', `the body is no JSON: ${errorMessage(error)}`, { cause: error })
  }
}

/** A body without a type is taken for JSON. UNSUPPORTED_MEDIA_TYPE for any other than JSON in UTF-8. */
export function acceptJson(contentType: string | undefined): void {
  if (contentType === undefined || contentType === 'application/json') return
  if (mediaType(contentType) !== 'application/json') throw new MillraceError('UNSUPPORTED_MEDIA_TYPE', `content-type is ${contentType}, expected application/json in UTF-8`)
}
