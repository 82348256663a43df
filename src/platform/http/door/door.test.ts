import assert from 'node:assert/strict'
import { type IncomingMessage, type Server, createServer } from 'node:http'
import { type AddressInfo, type Socket, connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import * as fc from 'fast-check'
import { type WholeRequestTaker, openDoor } from './index.ts'

const KEEP_ALIVE_MS = 65_000

/** What a server understood of a request, as its answer. */
function understood(url: string, headers: Readonly<Record<string, unknown>>, body: Buffer): string {
  return JSON.stringify({ url, headers: Object.entries(headers).sort(), body: body.toString('base64') })
}

function echoServer(options = {}): Server {
  return createServer({ keepAliveTimeout: KEEP_ALIVE_MS, ...options }, (request: IncomingMessage, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const text = understood(`${request.method} ${request.url}`, request.headers, Buffer.concat(parts))
      response.writeHead(200, ['Content-Length', String(Buffer.byteLength(text)), 'X-Way', 'node'])
      response.end(text)
    })
  })
}

let direct = 0
const echo: WholeRequestTaker = ({ url, headers, body }, answer) => {
  if (!url.startsWith('/hot')) return false
  direct++
  const reply = (): void => {
    const text = understood(`POST ${url}`, headers, body)
    const bytes = Buffer.byteLength(text)
    answer.writeHead(200, ['Content-Length', String(bytes), 'X-Way', 'door'])
    // A header may hold bytes beyond ASCII.
    answer.end(text, bytes === text.length ? 'latin1' : 'utf8')
  }
  if (url.includes('later')) setTimeout(reply, 1)
  else reply()
  return true
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** All that comes back for these pieces, sent one after the other, until the server closes; the client closes its side behind the last, once it has so many answers. */
function converse(port: number, pieces: readonly Buffer[], answers: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    let sent = false
    const leave = (): void => {
      if (sent && (text.match(/HTTP\/1\.1 /g)?.length ?? 0) >= answers) socket.end()
    }
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      leave()
    })
    socket.on('close', () => resolve(text))
    socket.on('error', (error) => ('code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE') ? undefined : reject(error)))
    void (async () => {
      for (const piece of pieces) {
        socket.write(piece)
        await new Promise((next) => setImmediate(next))
      }
      sent = true
      leave()
    })()
  })
}

const without = (text: string): string => text.replaceAll(/^(Date|X-Way): .*\r\n/gm, '').replaceAll(/HTTP\/1\.1 /g, '\nHTTP/1.1 ')

describe('a server with a door answers every byte as node:http alone does', () => {
  const plain = echoServer()
  const doored = echoServer()
  openDoor(doored, echo)
  let ports: readonly [number, number]
  before(async () => {
    ports = [await listening(plain), await listening(doored)]
  })
  after(() => {
    plain.close()
    doored.close()
  })

  const both = async (pieces: readonly Buffer[], answers = 0): Promise<readonly string[]> => (await Promise.all(ports.map((port) => converse(port, pieces, answers)))).map(without)
  const same = async (texts: readonly string[], answers = 0): Promise<void> => {
    const [expected, found] = await both(texts.map((text) => Buffer.from(text, 'latin1')), answers)
    assert.equal(found, expected)
  }

  const HEAD = 'POST /hot HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n'
  const STORIES: readonly (readonly [string, readonly string[]])[] = [
    ['one request', [`${HEAD}{}`]],
    ['two in one piece', [`${HEAD}{}${HEAD}[]`]],
    ['head and body apart', [HEAD, '{}']],
    ['a head in pieces', ['PO', 'ST /hot HTTP/1.1\r\nHo', 'st: a\r\nContent-Length: 2\r', '\n\r\n{', '}']],
    ['one that is not the door’s, after one that is', [`${HEAD}{}`, 'GET /cold HTTP/1.1\r\nHost: a\r\n\r\n', `${HEAD}{}`]],
    ['a route that is not the door’s, with the next behind it', [`${HEAD.replace('/hot', '/cold')}{}${HEAD}[]`]],
    ['a body in chunks', ['POST /hot HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n']],
    ['a length and chunks, which is smuggling', ['POST /hot HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n']],
    ['two lengths', ['POST /hot HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x']],
    ['a length with a sign', ['POST /hot HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\n{}']],
    ['a space before the colon', ['POST /hot HTTP/1.1\r\nHost : a\r\nContent-Length: 2\r\n\r\n{}']],
    ['a folded header', ['POST /hot HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\nContent-Length: 2\r\n\r\n{}']],
    ['line feeds alone', ['POST /hot HTTP/1.1\nHost: a\nContent-Length: 2\n\n{}']],
    ['a line feed in a value', ['POST /hot HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\nContent-Length: 2\r\n\r\n{}']],
    ['no Host', ['POST /hot HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}']],
    ['HTTP/1.0', ['POST /hot HTTP/1.0\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}']],
    ['a connection that is to be closed', [`${HEAD.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}{}${HEAD}[]`]],
    ['a header twice', [`${HEAD.replace('\r\n\r\n', '\r\nX: 1\r\nx: 2\r\n\r\n')}{}`]],
    ['a header by the name of a prototype', [`${HEAD.replace('\r\n\r\n', '\r\n__proto__: 1\r\nconstructor: 2\r\n\r\n')}{}`]],
    ['an absolute target', ['POST http://a/hot HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}']],
    ['a body that does not come', [HEAD, '{']],
    ['half a head', ['POST /hot HTTP/1.1\r\nHost: a']],
    ['no HTTP at all', ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03']],
    ['nothing', []],
  ]
  for (const [name, texts] of STORIES) test(name, () => same(texts))
  test('two of which the first takes its time', () => same([`${HEAD.replace('/hot', '/hot/later')}{}${HEAD}[]`], 2))

  test('a caller that waits for "100 Continue" hears it', async () => {
    const socket = connect(ports[1], '127.0.0.1')
    socket.write('POST /hot HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n')
    const first = await new Promise<Buffer>((resolve) => socket.once('data', resolve))
    assert.match(first.toString(), /^HTTP\/1\.1 100 Continue/)
    socket.destroy()
  })

  const token = fc.constantFrom('Host', 'X-A', 'x-a', 'Content-Type', 'Content-Length', 'Connection', 'Transfer-Encoding', 'Cookie', 'Bad Name', '', 'Ünï')
  const value = fc.oneof(fc.constantFrom('a', '2', '0', 'keep-alive', 'close', 'chunked', ' padded ', '\tx', 'a\tb', 'é', 'a\u0000b', ''), fc.string({ unit: 'binary-ascii', maxLength: 5 }))
  const header = fc.tuple(token, fc.constantFrom(':', ': ', ':  ', ' :', ''), value, fc.constantFrom('\r\n', '\r\n', '\r\n', '\r\n', '\n', '\r', '\r\n ')).map((parts) => parts.join(''))
  const request = fc
    .record({
      start: fc.constantFrom('POST /hot HTTP/1.1', 'POST /hot HTTP/1.1', 'POST /hot?x=%20 HTTP/1.1', 'POST /cold HTTP/1.1', 'GET /hot HTTP/1.1', 'POST  /hot HTTP/1.1', 'POST /h\u00f6t HTTP/1.1', 'POST /hot HTTP/1.0', 'post /hot HTTP/1.1', 'POST /hot'),
      common: fc.constantFrom('Host: a\r\nContent-Length: 2\r\n', 'host: a\r\ncontent-length:2\r\n', 'Host: a\r\n', 'Content-Length: 2\r\nHost: b:1\r\n'),
      headers: fc.array(header, { maxLength: 2 }),
      body: fc.constantFrom('{}', '{}', '{', '{}x', ''),
    })
    .map(({ start, common, headers, body }) => `${start}\r\n${common}${headers.join('')}\r\n${body}`)

  test('whatever is written, in whatever pieces', async () => {
    const before = direct
    await fc.assert(
      fc.asyncProperty(request, fc.array(fc.nat(120), { maxLength: 3 }), async (text, cuts) => {
        const bytes = Buffer.from(text, 'latin1')
        const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
        const [expected = '', found = ''] = await both(places.slice(1).map((to, i) => bytes.subarray(places[i], to)))
        // node:http forgets a good request where rubbish stands behind it in one piece; the door answers it first.
        if (expected.startsWith('\nHTTP/1.1 400') && found.startsWith('\nHTTP/1.1 200')) assert.equal(found.match(/HTTP\/1\.1 200/g)?.length, 1)
        else assert.equal(found, expected)
      }),
      { numRuns: 400 },
    )
    assert.ok(direct > before, `the door answered ${direct - before}`)
  })

  test('good requests of all kinds, one behind the other, in whatever pieces', async () => {
    const good = fc
      .record({ path: fc.constantFrom('/hot', '/hot/later', '/cold'), body: fc.string({ unit: 'binary-ascii', maxLength: 40 }), chunked: fc.nat(9) })
      .map(({ path, body, chunked }) =>
        chunked === 0 && body.length > 0
          ? `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
          : `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      )
    await fc.assert(
      fc.asyncProperty(fc.array(good, { minLength: 2, maxLength: 6 }), fc.array(fc.nat(600), { maxLength: 4 }), async (requests, cuts) => {
        const bytes = Buffer.from(requests.join(''), 'latin1')
        const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
        const [expected, found] = await both(places.slice(1).map((to, i) => bytes.subarray(places[i], to)), requests.length)
        assert.equal(found, expected)
        assert.equal(found?.match(/HTTP\/1\.1 200/g)?.length, requests.length)
      }),
      { numRuns: 150 },
    )
  })
})

describe('a connection at the door', () => {
  const open = async (options: object, taker: WholeRequestTaker = echo): Promise<{ server: Server; socket: Socket; said: () => string; closed: Promise<void> }> => {
    const server = echoServer(options)
    openDoor(server, taker, { sweepMs: 20 })
    const socket = connect(await listening(server), '127.0.0.1')
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    return { server, socket, said: () => text, closed }
  }

  test('is closed after it has been idle for as long as the server allows', async () => {
    const { server, closed } = await open({ keepAliveTimeout: 30 })
    await closed
    server.close()
  })

  test('is told so when a request it began does not end', async () => {
    const { server, socket, said, closed } = await open({ headersTimeout: 30 })
    socket.write('POST /hot HTTP/1.1\r\nHost:')
    await closed
    assert.match(said(), /^HTTP\/1\.1 408 /)
    server.close()
  })

  test('does not keep a server from closing when it is idle, and has its answer when it is not', async () => {
    let taken = (): void => undefined
    const came = new Promise<void>((resolve) => (taken = resolve))
    const { server, socket, said, closed } = await open({}, (request, answer) => {
      taken()
      return echo(request, answer)
    })
    socket.write('POST /hot/later HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
    await came
    const ended = new Promise((resolve) => server.close(resolve))
    while (said() === '') await new Promise((resolve) => setImmediate(resolve))
    server.closeIdleConnections()
    await closed
    await ended
    assert.match(said(), /^HTTP\/1\.1 200 OK/)
  })

  test('that does not read its answers gets no more of them', async () => {
    let taken = 0
    const { server, socket } = await open({}, (_request, answer) => {
      taken++
      answer.writeHead(200, ['Content-Length', '262144'])
      answer.end('x'.repeat(262_144), 'latin1')
      return true
    })
    socket.pause()
    const request = 'POST /hot HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'
    socket.write(request.repeat(1000))
    await new Promise((resolve) => setTimeout(resolve, 200))
    assert.ok(taken < 200, `${taken} answers were made`)
    let bytes = 0
    for await (const chunk of socket) {
      bytes += chunk.length
      if (bytes >= 1000 * 262_144) break
    }
    assert.equal(taken, 1000)
    socket.destroy()
    server.close()
  })

  test('is node:http’s when too many hold half a request', async () => {
    const server = echoServer()
    openDoor(server, echo)
    const port = await listening(server)
    const half = `POST /hot HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(190_000)}`
    const sockets = Array.from({ length: 100 }, () => connect(port, '127.0.0.1').on('error', () => undefined))
    const ways = sockets.map((socket) => new Promise<string>((resolve) => {
      let text = ''
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1')
        const way = /X-Way: (\w+)/.exec(text)?.[1]
        if (way !== undefined) resolve(way)
      })
    }))
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.write(half, resolve))))
    await new Promise((resolve) => setTimeout(resolve, 100))
    for (const socket of sockets) socket.write('x'.repeat(10_000))
    const seen = await Promise.all(ways)
    assert.ok(seen.includes('door') && seen.includes('node'), seen.join())
    for (const socket of sockets) socket.destroy()
    server.closeAllConnections()
    server.close()
  })

  test('of a caller that has left is not written to any more', async () => {
    let answerIt = (): void => undefined
    const { server, socket, said, closed } = await open({}, (request, answer) => {
      answerIt = () => {
        assert.equal(request.socket.writable, false)
        answer.writeHead(200, ['Content-Length', '0'])
        answer.end('', 'latin1')
      }
      return true
    })
    socket.end('POST /hot HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
    await closed
    answerIt()
    assert.equal(said(), '')
    server.close()
  })

  test('is closed behind an answer that says so', async () => {
    const { server, socket, said, closed } = await open({}, (_request, answer) => {
      answer.writeHead(503, ['Content-Length', '0', 'Connection', 'close'])
      answer.end('', 'latin1')
      return true
    })
    socket.write('POST /hot HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nPOST /hot HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
    await closed
    assert.equal(said().match(/HTTP\/1\.1/g)?.length, 1)
    assert.doesNotMatch(said(), /keep-alive/)
    server.close()
  })

  test('writes no header that holds a line break', async () => {
    let refused: unknown
    const { server, socket, closed } = await open({}, (_request, answer) => {
      try {
        answer.writeHead(200, ['X-Id', 'a\r\nX-Evil: 1'])
      } catch (error) {
        refused = error
      }
      answer.writeHead(200, ['Content-Length', '2', 'Connection', 'close'])
      answer.end(Buffer.from('ok'), 'latin1')
      return true
    })
    socket.write('POST /hot HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
    await closed
    assert.match(String(refused), /X-Id/)
    server.close()
  })

  test('that sends and sends without reading its answers is not read for ever', async () => {
    let taken = 0
    const { server, socket } = await open({}, () => {
      taken++
      return true
    })
    let written = 0
    const flood = (): void => {
      while (written < 16 * 1024 * 1024 && socket.write(Buffer.alloc(64 * 1024, 'POST /hot HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'))) written += 64 * 1024
    }
    socket.on('drain', flood)
    flood()
    await new Promise((resolve) => setTimeout(resolve, 200))
    assert.equal(taken, 1)
    assert.ok(written < 12 * 1024 * 1024, `${written} bytes were taken from one caller`)
    socket.destroy()
    server.closeAllConnections()
    server.close()
  })
})
