import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { Agent, type IncomingHttpHeaders, request as httpRequest } from 'node:http'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { freePort } from '../../platform/http/testing.ts'
import { type TestService, startForTest } from '../../platform/service/testing.ts'
import { createTransport } from '../../../sdk/http.ts'
import { servingClient } from '../../../sdk/serving.ts'
import { grpcClient } from '../grpc/testing.ts'
import { servingService } from '../index.ts'
import { FIXTURES, ready, testConfig, until } from '../testing.ts'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

describe('limits', () => {
  let project: string
  let service: TestService
  let grpcPort: number
  let grpc: ReturnType<typeof grpcClient>
  const agent = new Agent({ keepAlive: true })

  before(async () => {
    project = mkdtempSync(join(tmpdir(), 'limits-'))
    for (const model of ['slow', 'plain', 'two']) cpSync(join(FIXTURES, model === 'two' ? 'plain' : model), join(project, 'models', model, '1'), { recursive: true })
    grpcPort = await freePort()
    const yaml = `model_repository: models
deployments:
- {model: slow, batch: {max_rows: 4}, limits: {max_wait: 30ms}}
- {model: plain, limits: {quota: {requests: 3, per: 1h, caller: X-Api-Key}}}
- {model: two, limits: {timeout: 1m}}`
    service = await startForTest(servingService, testConfig({ yaml, grpcPort }), { projectFolder: project })
    await ready(service.url)
    grpc = grpcClient(grpcPort, 'inference.GRPCInferenceService')
  })
  after(async () => {
    grpc.client.close()
    agent.destroy()
    await service.stop()
    rmSync(project, { recursive: true, force: true })
  })

  /** On connections that are used again; aborted by the signal. */
  const post = (path: string, body: string | Buffer, headers: Record<string, string | number> = {}, signal?: AbortSignal): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const options = { method: 'POST', agent, headers: { 'content-type': 'application/json', ...headers }, ...(signal ? { signal } : {}) }
      const request = httpRequest(service.url + path, options, (response) => {
        let text = ''
        response.on('data', (part: Buffer) => (text += part.toString()))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
      })
      request.on('error', reject)
      request.end(body)
    })
  const rows = (count: number) => JSON.stringify({ instances: Array.from({ length: count }, (_, i) => ({ x: i })) })
  const pair = JSON.stringify({ instances: [{ a: 1, b: 1 }] })
  const metric = async (line: string): Promise<number> => {
    const text = await (await fetch(`${service.url}/metrics`)).text()
    return Number(text.split('\n').find((one) => one.startsWith(line))?.split(' ').at(-1) ?? 0)
  }
  const failures = (model: string, code: string) => metric(`model_infer_request_failure_total{model="${model}",code="${code}"`)
  const journaled = async (): Promise<Map<string, number>> => {
    const ids = new Map<string, number>()
    for (let offset = 0; ; ) {
      const page = await servingClient(createTransport(service.url)).readJournal(offset)
      if (page.records.length === 0) return ids
      for (const { id } of page.records) ids.set(id, (ids.get(id) ?? 0) + 1)
      offset = page.offset
    }
  }
  test('a caller over its quota is answered 429 in its protocol, with RateLimit fields, over HTTP and gRPC', async () => {
    const ask = (key: string, path = '/v1/models/plain:predict') => post(path, pair, { 'x-api-key': key })
    const first = await ask('alice')
    assert.equal(first.status, 200, first.text)
    assert.equal(first.headers['ratelimit-policy'], '"requests";q=3;w=3600')
    assert.equal(first.headers['ratelimit'], '"requests";r=2;t=1200')
    await ask('alice')
    const third = await ask('alice')
    assert.equal(third.headers['ratelimit'], '"requests";r=0;t=1200')
    const over = await ask('alice')
    assert.equal(over.status, 429)
    assert.match(over.text, /^\{"error":"the quota for plain is used up/)
    assert.equal(over.headers['retry-after'], '1200')
    assert.equal(over.headers['ratelimit'], '"requests";r=0;t=1200')
    const invoked = await post('/invocations', pair, { 'x-api-key': 'alice', 'x-millrace-model': 'plain' })
    assert.equal(invoked.status, 429)
    assert.match(invoked.text, /"error_code":"REQUEST_LIMIT_EXCEEDED".*"code":"QUOTA_EXCEEDED"/)
    const inputs = ['a', 'b'].map((name) => ({ name, datatype: 'FP32', shape: ['1'], contents: { fp32_contents: [1] } }))
    const call = await grpc.call('ModelInfer', { model_name: 'plain', inputs }, { 'x-api-key': 'alice' })
    assert.equal(call.code, 8, call.message)
    assert.deepEqual(['grpc-retry-pushback-ms', 'ratelimit', 'x-millrace-error-code'].map((key) => call.metadata.get(key)[0]), ['1200000', '"requests";r=0;t=1200', 'QUOTA_EXCEEDED'])
    const other = await grpc.call('ModelInfer', { model_name: 'plain', inputs }, { 'x-api-key': 'bob' })
    assert.equal(other.code, 0, other.message)
    assert.deepEqual(other.metadata.get('ratelimit'), ['"requests";r=2;t=1200'])
    assert.equal(await failures('plain', 'QUOTA_EXCEEDED'), 3)
    assert.equal(await metric('quota_callers{model="plain"'), 2)
  })

  test('what has no time left or nobody who waits for it is not computed, and not in the journal', async () => {
    // By rows and by tensors are two queues.
    const busy = [
      post('/v1/models/slow:predict', rows(60), { 'x-request-id': 'busy' }),
      post('/v2/models/slow/infer', JSON.stringify({ id: 'busy-v2', inputs: [{ name: 'x', datatype: 'FP32', shape: [60, 1], data: Array.from({ length: 60 }, () => 1) }] })),
    ]
    await until(async () => (await metric('batch_request_queue{model="slow"')) === 2)
    const late = post('/v1/models/slow:predict', rows(1), { 'x-request-id': 'late', 'x-envoy-expected-rq-timeout-ms': 20 })
    const v2 = post('/v2/models/slow/infer', JSON.stringify({ id: 'late-v2', parameters: { timeout: 20_000 }, inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [1] }] }))
    const leaving = new AbortController()
    const gone = post('/v1/models/slow:predict', rows(1), { 'x-request-id': 'gone' }, leaving.signal).catch((error: unknown) => error)
    const call = grpc.call('ModelInfer', { model_name: 'slow', id: 'late-grpc', parameters: { timeout: { int64_param: '20000' } }, inputs: [{ name: 'x', datatype: 'FP32', shape: ['1', '1'], contents: { fp32_contents: [1] } }] })
    await until(async () => (await metric('batch_request_queue{model="slow"')) >= 3)
    leaving.abort()
    for (const { status, text } of [await late, await v2]) {
      assert.equal(status, 504, text)
      assert.match(text, /not answered within its time/)
    }
    assert.equal((await call).code, 4)
    assert.ok((await gone) instanceof Error)
    for (const { status } of await Promise.all(busy)) assert.equal(status, 200)
    await until(async () => (await failures('slow', 'CANCELLED')) === 1)
    assert.equal(await failures('slow', 'TIMEOUT'), 3)
    assert.equal((await post('/v1/models/slow:predict', rows(1), { 'x-request-id': 'after' })).status, 200)
    const ids = await journaled()
    assert.deepEqual(['busy', 'busy-v2', 'late', 'late-v2', 'late-grpc', 'gone', 'after'].map((id) => ids.get(id) ?? 0), [60, 1, 0, 0, 0, 0, 1])
  })

  test('a time that is none is refused', async () => {
    for (const [path, body, headers] of [
      ['/v1/models/two:predict', pair, { 'x-envoy-expected-rq-timeout-ms': 'soon' }],
      ['/v2/models/two/infer', JSON.stringify({ parameters: { timeout: 'soon' }, inputs: [{ name: 'a', datatype: 'FP32', shape: [1], data: [1] }] }), {}],
    ] as const) {
      const { status, text } = await post(path, body, headers)
      assert.equal(status, 400)
      assert.match(text, /soon/)
    }
  })

  test('under more than the model can do some are refused at once with 503 and Retry-After, and all others are answered and journaled', async () => {
    let next = 0
    const answers: (Answer & { readonly id: string })[] = []
    const until = performance.now() + 1000
    await Promise.all(
      Array.from({ length: 60 }, async () => {
        while (performance.now() < until) {
          const id = `load-${next++}`
          answers.push({ id, ...(await post('/v1/models/slow:predict', rows(1), { 'x-request-id': id })) })
        }
      }),
    )
    const refused = answers.filter(({ status }) => status === 503)
    assert.ok(refused.length > 0)
    for (const { headers, text } of refused) {
      assert.match(headers['retry-after'] ?? '', /^[1-9]\d*$/)
      assert.match(text, /^\{"error":"slow would answer only after \d+ ms; try again"\}$/)
      assert.notEqual(headers.connection, 'close', 'a refused caller keeps its connection')
    }
    const ids = await journaled()
    const accepted = answers.filter(({ status }) => status === 200)
    assert.equal(accepted.length + refused.length, answers.length)
    for (const { id } of accepted) assert.equal(ids.get(id), 1, id)
    for (const { id } of refused) assert.equal(ids.get(id), undefined, id)
    assert.equal(await metric('batch_request_queue_bytes{model="slow"'), 0)
  })

  test('a caller that is still sending a body that is refused hears why', async () => {
    const large = Buffer.alloc(12 * 1024 * 1024, ' ')
    for (let i = 0; i < 3; i++) {
      for (const headers of [{ 'content-length': large.length }, { 'transfer-encoding': 'chunked' }]) {
        const { status, text } = await post('/v1/models/two:predict', large, headers)
        assert.equal(status, 413, text)
      }
    }
    const coded = await post('/v1/models/two:predict', large, { 'content-encoding': 'gzip', 'content-length': large.length })
    assert.equal(coded.status, 415)
    assert.equal((await post('/v1/models/two:predict', pair)).status, 200)
  })

  test('callers whose gRPC messages never come whole keep nobody out', async () => {
    const session = connect(`http://127.0.0.1:${grpcPort}`)
    const refused: unknown[] = []
    const begun = Array.from({ length: 20 }, () => {
      const stream = session.request({ ':method': 'POST', ':path': '/inference.GRPCInferenceService/ModelInfer', 'content-type': 'application/grpc', te: 'trailers' })
      stream.on('trailers', (trailers) => refused.push(trailers['grpc-status'])).on('response', (headers) => refused.push(headers['grpc-status'])).resume()
      const head = Buffer.from([0, 0, 1, 0, 0])
      return new Promise((resolve) => stream.write(Buffer.concat([head, Buffer.alloc(1000)]), resolve))
    })
    await Promise.all(begun)
    const { code, message } = await grpc.call('ModelReady', { name: 'two' })
    assert.equal(code, 0, message)
    assert.ok(refused.includes('14'))
    session.destroy()
    assert.equal((await grpc.call('ModelReady', { name: 'two' })).code, 0)
  })

  test('a body nested without end is refused, not run into', async () => {
    const deep = `{"instances": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`
    for (const path of ['/v1/models/two:predict', '/v2/models/two/infer']) assert.match((await post(path, deep)).text, /nested more than 100 levels/)
  })
})
