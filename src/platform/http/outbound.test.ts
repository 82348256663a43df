import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { request } from 'undici'
import { checkPublicHost, isPublicAddress, publicOnlyAgent } from './outbound.ts'

const PUBLIC = ['8.8.8.8', '1.1.1.1', '172.15.255.255', '172.32.0.1', '100.63.255.255', '192.167.0.1', '2606:4700::1111', '2a00:1450::1']
const NOT_PUBLIC = [
  '127.0.0.1', '127.255.255.255', '0.0.0.0', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1', '192.0.0.1', '192.0.2.1', '198.18.0.1',
  '203.0.113.9', '224.0.0.1', '255.255.255.255', '::', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:8.8.8.8', '64:ff9b::7f00:1', '64:ff9b:1::1', '2002:7f00:1::', '2001::1', '2001:db8::1',
  'fe80::1', 'fec0::1', 'fc00::1', 'fd12::1', 'ff02::1', 'localhost', '', '127.1', '0177.0.0.1', '0x7f000001',
]

test('addresses of the public internet are told from all others, in whatever clothes', () => {
  assert.deepEqual(PUBLIC.filter((address) => !isPublicAddress(address)), [])
  assert.deepEqual(NOT_PUBLIC.filter(isPublicAddress), [])
})

test('a host that is not public is refused by name and by address', async () => {
  for (const host of ['localhost', '127.0.0.1', '[::1]', '[::ffff:169.254.169.254]', '10.0.0.8']) await assert.rejects(checkPublicHost(host), /not an address of the public internet/)
  await checkPublicHost('8.8.8.8')
  await assert.rejects(checkPublicHost('no-such-host.invalid'), /cannot be resolved/)
})

test('the agent reaches nobody who is not public, whether by name, by address or by another spelling of it', async (t) => {
  let called = 0
  const server = createServer((_request, response) => {
    called++
    response.end('inside')
  }).listen(0)
  t.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const agent = publicOnlyAgent(2000)
  t.after(() => agent.close())
  for (const host of ['localhost', '127.0.0.1', '[::1]', '127.1', '0x7f000001', '2130706433', '[::ffff:127.0.0.1]', '0.0.0.0']) {
    await assert.rejects(request(`http://${host}:${address.port}/`, { dispatcher: agent }), /not an address of the public internet/, host)
  }
  assert.equal(called, 0)
})
