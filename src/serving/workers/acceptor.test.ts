import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Acceptor, type Taker } from './acceptor.ts'

test('a worker that refuses all at once keeps nobody from hearing that it is gone, and another gets what it refused', async () => {
  const refused = Promise.withResolvers<void>()
  const gone: Taker = {
    arriving: 0,
    hand: async () => {
      refused.resolve()
      return false
    },
  }
  const takers = [gone]
  const acceptor = new Acceptor(() => takers)
  const port = await acceptor.listen({ host: '127.0.0.1', port: 0 })
  const client = connect(port, '127.0.0.1')
  const { promise: taken, resolve } = Promise.withResolvers<Socket>()
  try {
    // Told in a turn of the event loop of its own, as the end of a process is.
    await refused.promise
    await sleep(1)
    takers.splice(0, 1, {
      arriving: 0,
      hand: async (socket) => {
        resolve(socket)
        return true
      },
    })
    assert.ok((await taken).remotePort === client.localPort)
    await once(client, 'close')
  } finally {
    client.destroy()
    await acceptor.stop(0)
  }
})
