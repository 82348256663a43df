import assert from 'node:assert/strict'
import { type IncomingHttpHeaders, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { Lifecycle } from '../limits/lifecycle.ts'
import { createForwarder } from './forward.ts'
import { PEER_HEADER, peerAddress, sayPeer } from './peer.ts'

const SECRET = 'a'.repeat(64)
const heard: IncomingHttpHeaders[] = []
const service = createServer((request, response) => {
  heard.push(request.headers)
  response.end('answered')
})
const portOf = (server: typeof service): number => (server.address() as AddressInfo).port
const lifecycle = new Lifecycle()
let forwarder: ReturnType<typeof createForwarder>
const worker = createServer((request, response) => forwarder.forward(request, response))

before(async () => {
  for (const server of [service, worker]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  forwarder = createForwarder(portOf(service), SECRET, lifecycle)
})
after(() => {
  forwarder.close()
  for (const server of [service, worker]) {
    server.closeAllConnections()
    server.close()
  }
})

test('a request that is handed on says whose it is, and keeps all that its caller said but that', async () => {
  const answer = await fetch(`http://127.0.0.1:${portOf(worker)}/x`, { method: 'POST', body: 'y', headers: { [PEER_HEADER]: sayPeer(SECRET, '10.9.9.9'), 'x-forwarded-for': '10.1.1.1' } })
  assert.equal(await answer.text(), 'answered')
  const [headers] = heard
  assert.ok(headers)
  assert.equal(headers['x-forwarded-for'], '10.1.1.1')
  assert.equal(headers[PEER_HEADER], sayPeer(SECRET, '127.0.0.1'))
})

test('the service believes its workers about a caller, and nobody else', () => {
  const of = (header: string | undefined) => peerAddress(SECRET)({ headers: header === undefined ? {} : { [PEER_HEADER]: header }, socket: { remoteAddress: '127.0.0.1' } })
  assert.equal(of(sayPeer(SECRET, '10.0.0.7')), '10.0.0.7')
  assert.equal(of(sayPeer(SECRET, '2001:db8::1')), '2001:db8::1')
  for (const forged of [undefined, '', '10.0.0.7', ` ${'10.0.0.7'}`, sayPeer('b'.repeat(64), '10.0.0.7'), SECRET, `${SECRET}10.0.0.7`, `é${sayPeer(SECRET, '10.0.0.7')}`]) assert.equal(of(forged), '127.0.0.1', forged)
})

test('a worker that leaves asks for the connection to be closed behind what it hands on, and then hands on nothing more', async () => {
  const ask = () => fetch(`http://127.0.0.1:${portOf(worker)}/x`, { method: 'POST', body: 'y' })
  lifecycle.leaving = true
  const last = await ask()
  assert.deepEqual([last.status, last.headers.get('connection')], [200, 'close'])
  lifecycle.stopping = true
  const [before, refused] = [heard.length, await ask()]
  assert.deepEqual([refused.status, refused.headers.get('retry-after'), heard.length], [503, '1', before])
})
