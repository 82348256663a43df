import assert from 'node:assert/strict'
import { type Server, createServer } from 'node:http'
import { after, test } from 'node:test'
import { ApiError, createTransport } from './http.ts'

interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly type: string | undefined
  readonly length: string | undefined
  readonly body: string
}
const seen: Seen[] = []
let answers: { status: number; body: string }[] = []

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return `http://127.0.0.1:${address.port}`
}
const server = createServer(async (request, response) => {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  seen.push({ method: request.method, url: request.url, type: request.headers['content-type'], length: request.headers['content-length'], body })
  const { status, body: answer } = answers.shift() ?? { status: 200, body: '{"ok":true}' }
  response.writeHead(status, { 'content-type': 'application/json' }).end(answer)
})
const url = await listening(server)
after(() => server.close())

const bodies: readonly (readonly [string, unknown, Partial<Seen>])[] = [
  ['an object goes as JSON', { a: 1 }, { type: 'application/json', body: '{"a":1}' }],
  ['text goes as it is', 'text', { type: undefined, body: 'text' }],
  ['bytes go as they are', new TextEncoder().encode('bytes'), { type: undefined, body: 'bytes' }],
  ['a blob goes as it is, with its length', new Blob(['blob']), { length: '4', body: 'blob' }],
  ['a stream goes as it is', new Blob(['stream']).stream(), { body: 'stream' }],
]
for (const [what, body, expected] of bodies) {
  test(what, async () => {
    assert.deepEqual(await createTransport(url).json('POST', '/x', { body, query: { q: 'ü 1', none: undefined } }), { ok: true })
    const last = seen.at(-1)
    assert.equal(last?.url, '/x?q=%C3%BC+1')
    for (const [key, value] of Object.entries(expected)) assert.equal(Reflect.get(last ?? {}, key), value, key)
  })
}

const errors: readonly (readonly [string, string, string, string])[] = [
  ['problem details', '{"code":"CONFLICT","detail":"it exists","details":[1]}', 'CONFLICT', 'it exists'],
  ['an error of MLflow’s', '{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"no run"}', 'NOT_FOUND', 'no run'],
  ['an error of the Open Inference Protocol', '{"error":"no model"}', 'HTTP_ERROR', 'no model'],
  ['a page of something else', '<h1>Bad</h1>', 'HTTP_ERROR', '<h1>Bad</h1>'],
]
for (const [what, body, code, message] of errors) {
  test(`${what} becomes an ApiError`, async () => {
    answers = [{ status: 409, body }]
    await assert.rejects(createTransport(url).json('GET', '/'), (error: unknown) => {
      assert.ok(error instanceof ApiError)
      assert.deepEqual([error.status, error.code, error.message], [409, code, message])
      return true
    })
  })
}

test('a service that is away for a moment is asked again, one that refuses is not', async () => {
  answers = [{ status: 503, body: '{}' }, { status: 502, body: '{}' }]
  assert.deepEqual(await createTransport(url, { retryForMs: 5000 }).json('GET', '/again'), { ok: true })
  assert.equal(seen.filter((one) => one.url === '/again').length, 3)
  answers = [{ status: 400, body: '{}' }]
  await assert.rejects(createTransport(url, { retryForMs: 5000 }).json('GET', '/refused'), { status: 400 })
  assert.equal(seen.filter((one) => one.url === '/refused').length, 1)
})

test('nobody there is an error at once where nothing was said of retrying, and a service that comes up in time is found', async () => {
  const late = createServer((_, response) => response.end('{}'))
  const address = await listening(late)
  await new Promise((resolve) => late.close(resolve))
  await assert.rejects(createTransport(address).json('GET', '/'), { code: 'ECONNREFUSED' })
  setTimeout(() => late.listen(Number(new URL(address).port), '127.0.0.1'), 100)
  assert.deepEqual(await createTransport(address, { retryForMs: 5000 }).json('GET', '/'), {})
  late.close()
})
