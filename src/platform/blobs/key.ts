import { MillraceError } from '../errors/index.ts'

const LONGEST_KEY = 1024
/** NAME_MAX of the common file systems. */
const LONGEST_SEGMENT = 255

/** `key` if it is one that every driver can hold; throws PATH_OUTSIDE_ROOT otherwise. See the port's contract. */
export function checkKey(key: string): string {
  const refuse = (why: string) =>
    new MillraceError('PATH_OUTSIDE_ROOT', `${JSON.stringify(key.slice(0, 200))}: ${why}; expected a relative path below the root`)
  if (key === '') throw refuse('it is empty')
  if (Buffer.byteLength(key) > LONGEST_KEY) throw refuse(`it is longer than ${LONGEST_KEY} bytes`)
  if (key.includes('\\')) throw refuse('it holds a backslash')
  if (/\p{Cc}/u.test(key)) throw refuse('it holds a control character')
  if (/^([a-zA-Z]:|[a-zA-Z][a-zA-Z0-9+.-]*:\/)/.test(key)) throw refuse('it begins with a drive or a scheme')
  for (const segment of key.split('/')) {
    if (segment === '') throw refuse('it is absolute or holds an empty part')
    if (segment === '.' || segment === '..') throw refuse(`it holds "${segment}"`)
    if (Buffer.byteLength(segment) > LONGEST_SEGMENT) throw refuse(`a part of it is longer than ${LONGEST_SEGMENT} bytes`)
  }
  return key
}
