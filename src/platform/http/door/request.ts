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

interface Head {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Bytes of the body. */
  readonly size: number
}

/**
 * Understands the plainest requests of HTTP/1.1 (RFC 9112) and no others: `POST`, a path, each header once, a `Content-Length`, one connection for many. Whatever is
 * written in another way, be it right or wrong, is `other`: it is node:http's to judge, so there are no two opinions on any request. `bytes` begin with a request
 * and may end in the next one; a body has `mostBody` bytes at most. Heads that come again and again, character by character the same, are understood once.
 */
export class Requests {
  readonly #known = new Map<string, Head>()
  readonly #mostBody: number
  #unknown = 0

  constructor(mostBody: number) {
    this.#mostBody = mostBody
  }

  parse(bytes: Buffer): Parsed {
    const headEnd = bytes.indexOf(HEAD_END)
    if (headEnd < 0) return bytes.length < MOST_HEAD_BYTES && POST.subarray(0, bytes.length).equals(bytes.subarray(0, POST.length)) ? { needed: bytes.length + 1, part: 'head' } : 'other'
    if (headEnd > MOST_HEAD_BYTES) return 'other'
    const text = bytes.toString('latin1', 0, headEnd + 2)
    const head = this.#known.get(text) ?? this.#understand(text)
    if (head === null || head.size > this.#mostBody) return 'other'
    const bodyFrom = headEnd + HEAD_END.length
    const end = bodyFrom + head.size
    return end > bytes.length ? { needed: end, part: 'body' } : { url: head.url, headers: head.headers, bodyFrom, end }
  }

  #understand(text: string): Head | null {
    const head = parseHead(text)
    if (head && text.length <= LONGEST_KEPT && this.#unknown++ % LEARN_ONE_OF === 0) {
      // Those in use are soon learned again.
      if (this.#known.size >= HEADS_KEPT) this.#known.clear()
      this.#known.set(text, head)
    }
    return head
  }
}

const HEADS_KEPT = 512
const LONGEST_KEPT = 1024
/** One that holds an id of its own never comes again, and is not worth keeping. */
const LEARN_ONE_OF = 8

/** Null for what is node:http's. */
function parseHead(head: string): Head | null {
  const start = START.exec(head)
  if (start === null) return null
  const headers: Record<string, string> = {}
  let at = start[0].length
  while (at < head.length) {
    FIELD.lastIndex = at
    const field = FIELD.exec(head)
    if (field === null) return null
    const name = field[1]!.toLowerCase()
    if (headers[name] !== undefined || ELSEWHERE.has(name)) return null
    headers[name] = field[2]!
    at = FIELD.lastIndex
  }
  const { connection, 'content-length': length, host } = headers
  if (host === undefined || length === undefined || !/^\d{1,9}$/.test(length)) return null
  if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return null
  return { url: start[1]!, headers, size: Number(length) }
}
