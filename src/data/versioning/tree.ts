import { MillraceError } from '../../platform/errors/index.ts'
import { compareCodePoints } from './formats/py-value.ts'
import { pyJsonString } from './formats/py-json.ts'

/** One file of a tracked folder, as the folder's `.dir` object lists it. */
export interface TreeEntry {
  readonly md5: string
  /** Below the folder, with `/`. */
  readonly relpath: string
}

/** The bytes of a `.dir` object: Python's `json.dumps`, entries by code point of the whole relpath. Their MD5 plus `.dir` is the folder's hash. */
export function encodeTree(entries: readonly TreeEntry[]): string {
  const sorted = entries.toSorted((a, b) => compareCodePoints(a.relpath, b.relpath))
  return `[${sorted.map((entry) => `{"md5": "${entry.md5}", "relpath": ${pyJsonString(entry.relpath)}}`).join(', ')}]`
}

/** Throws DVC_CACHE_CORRUPT, naming `source`, for anything that is not such a list or whose paths leave the folder. */
export function decodeTree(text: string, source: string): readonly TreeEntry[] {
  const corrupt = (why: string) => new MillraceError('DVC_CACHE_CORRUPT', `${source}: ${why}; expected a list of {md5, relpath}`)
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch (error) {
    throw new MillraceError('DVC_CACHE_CORRUPT', `${source}: not JSON`, { cause: error })
  }
  if (!Array.isArray(list)) throw corrupt('not a list')
  return list.map((item: unknown, index) => {
    if (typeof item !== 'object' || item === null || !('md5' in item) || !('relpath' in item)) throw corrupt(`entry ${index} has no md5 or relpath`)
    const { md5, relpath } = item
    if (typeof md5 !== 'string' || !/^[0-9a-f]{32}$/.test(md5)) throw corrupt(`entry ${index}: md5 is not 32 hex digits`)
    if (typeof relpath !== 'string' || !isSafeRelpath(relpath)) throw corrupt(`entry ${index}: ${JSON.stringify(relpath)} is not a path inside the folder`)
    return { md5, relpath }
  })
}

/** A tree comes from a cache or remote that others write: none of its paths may lead out of the folder. */
function isSafeRelpath(path: string): boolean {
  return path !== '' && !path.includes('\0') && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}
