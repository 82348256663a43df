/** A request that has arrived whole. */
export interface WholeRequest {
  readonly method: 'POST'
  /** The request target, an absolute path with its query. */
  readonly url: string
  /** By lower-case name; each stood there once. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  readonly socket: { readonly remoteAddress?: string | undefined; readonly writable: boolean }
}

/** With `needed`: so far it may be one that is understood here, and to know more takes so many bytes, the first included. `other`: it is not, whatever may follow. */
export type Parsed = { readonly needed: number; readonly part: 'head' | 'body' } | { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly bodyFrom: number; readonly end: number } | 'other'

const HEAD_END = Buffer.from('\r\n\r\n')
const MOST_HEAD_BYTES = 8 * 1024
const POST = Buffer.from('POST /')
const START = /^POST (\/[!-~]*) HTTP\/1\.1\r\n/
/** A field line of RFC 9112, section 5, whose value neither begins nor ends with white space nor is folded. */
const FIELD = /([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ?((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)\r\n/y
/** They change what the connection or the message is; node:http knows how. */
const ELSEWHERE: ReadonlySet<string> = new Set(['transfer-encoding', 'expect', 'upgrade', 'te', 'trailer', 'proxy-connection', 'keep-alive', 'http2-settings', '__proto__'])

/**
 * Understands the plainest requests of HTTP/1.1 (RFC 9112) and no others: `POST`, a path, each header once, a `Content-Length`, one connection for many. Whatever is
 * written in another way, be it right or wrong, is `other`: it is node:http's to judge, so there are no two opinions on any request. `bytes` begin with a request
 * and may end in the next one; a body has `mostBody` bytes at most.
 */
export function parseRequest(bytes: Buffer, mostBody: number): Parsed {
  const headEnd = bytes.indexOf(HEAD_END)
  if (headEnd < 0) return bytes.length < MOST_HEAD_BYTES && POST.subarray(0, bytes.length).equals(bytes.subarray(0, POST.length)) ? { needed: bytes.length + 1, part: 'head' } : 'other'
  if (headEnd > MOST_HEAD_BYTES) return 'other'
  const head = bytes.toString('latin1', 0, headEnd + 2)
  const start = START.exec(head)
  if (start === null) return 'other'
  const headers: Record<string, string> = {}
  let at = start[0].length
  while (at < head.length) {
    FIELD.lastIndex = at
    const field = FIELD.exec(head)
    if (field === null) return 'other'
    const name = field[1]!.toLowerCase()
    if (headers[name] !== undefined || ELSEWHERE.has(name)) return 'other'
    headers[name] = field[2]!
    at = FIELD.lastIndex
  }
  const { connection, 'content-length': length, host } = headers
  if (host === undefined || length === undefined || !/^\d{1,9}$/.test(length)) return 'other'
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return 'other'
  const bodyFrom = headEnd + HEAD_END.length
  const size = Number(length)
  if (size > mostBody) return 'other'
  const end = bodyFrom + size
  return end > bytes.length ? { needed: end, part: 'body' } : { url: start[1]!, headers, bodyFrom, end }
}
