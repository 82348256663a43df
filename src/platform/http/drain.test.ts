import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { drain } from './drain.ts'

/** What a raw client hears that sends `head`, then each of `parts` in turns of its own, from a server that refuses each body. */
async function refused(head: string, parts: readonly string[], limitMs: number): Promise<{ readonly heard: string; readonly whole: boolean }> {
  let whole = false
  const server = createServer((request, response) => {
    void drain(request, limitMs).then((ended) => {
      whole = ended
      response.writeHead(403, ended ? {} : { connection: 'close' }).end('sealed')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  let heard = ''
  socket.setEncoding('utf8').on('data', (text: string) => (heard += text))
  const closed = new Promise((resolve) => socket.once('close', resolve))
  const answered = new Promise((resolve) => socket.once('data', resolve))
  socket.write(head)
  for (const part of parts) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    await new Promise((resolve) => socket.write(part, resolve))
  }
  await answered
  server.close()
  if (whole) socket.end()
  await closed
  return { heard, whole }
}

const BIG = 'x'.repeat(200_000)
const head = (length: number): string => `PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`

test('who is still sending a refused body hears the refusal, on a connection that stays', async () => {
  const { heard, whole } = await refused(head(BIG.length * 10), Array.from({ length: 10 }, () => BIG), 10_000)
  assert.match(heard, /^HTTP\/1\.1 403 [\s\S]*keep-alive[\s\S]*\nsealed\r\n/)
  assert.equal(whole, true)
})

test('a body that does not end is waited for no longer than the limit, and its connection closed', async () => {
  const { heard, whole } = await refused(head(BIG.length * 2), [BIG], 50)
  assert.match(heard, /^HTTP\/1\.1 403 [\s\S]*Connection: close/i)
  assert.equal(whole, false)
})
