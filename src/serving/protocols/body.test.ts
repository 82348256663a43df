import assert from 'node:assert/strict'
import { type Server, createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import * as fc from 'fast-check'
import { BodyBudget, readBody } from './body.ts'

const LIMIT = 1024 * 1024

describe('a body is read', () => {
  let server: Server
  let port: number

  before(async () => {
    const budget = new BodyBudget(2 * LIMIT)
    server = createServer((received, response) => {
      readBody(received, LIMIT, budget, (error, body) => (body === null ? response.writeHead(413).end(String(error)) : response.end(body)))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  after(() => server.close())

  const echo = (pieces: readonly Buffer[]): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const sent = request({ port, method: 'POST', path: '/' }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part)).on('end', () => resolve(Buffer.concat(parts)))
      })
      sent.on('error', reject)
      for (const piece of pieces) sent.write(piece)
      sent.end()
    })

  test('as it was sent, in whatever pieces', async () => {
    const piece = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 70_000 })).map((length) => Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + length) % 256)))
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 12 }), async (pieces) => assert.equal((await echo(pieces)).compare(Buffer.concat(pieces)), 0)),
      { numRuns: 50 },
    )
  })

  test('a byte at a time, in no more memory than another', async () => {
    const bytes = 600_000
    const chunks = Buffer.from('1\r\nx\r\n'.repeat(bytes))
    const held = process.resourceUsage().maxRSS
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      let text = ''
      socket.on('data', (part) => (text += part.toString('latin1'))).on('close', () => resolve(text))
      socket.write('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n')
      socket.write(Buffer.concat([chunks, Buffer.from('0\r\n\r\n')]))
    })
    assert.match(answer, /^HTTP\/1\.1 200 OK/)
    assert.equal(answer.match(/x+/g)?.reduce((sum, part) => sum + part.length, 0), bytes)
    const growth = process.resourceUsage().maxRSS - held
    assert.ok(growth < 128 * 1024, `${growth} KB more`)
  })
})
