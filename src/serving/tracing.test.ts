import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { type Server, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { pino } from 'pino'
import { runService } from '../platform/service/index.ts'
import { type TestService, startForTest } from '../platform/service/testing.ts'
import { type MemoryTracing, memoryTracing } from '../platform/tracing/testing.ts'
import { freePort } from '../platform/http/testing.ts'
import { grpcClient } from './grpc/testing.ts'
import { servingService } from './index.ts'
import { startReadyProcess } from './testing-process.ts'
import { FIXTURES, type Features, ROW, type Registry, ready, startFeatures, startRegistry, testConfig, until } from './testing.ts'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const TRACE = { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01`, tracestate: 'vendor=1' }
const YAML = 'deployments: [{model: delay}]'
const { weather__wind: wind, ...RAW } = ROW

let folder: string
let registry: Registry
let features: Features

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tracing-'))
  registry = await startRegistry(join(folder, 'registry'))
  features = await startFeatures()
  registry.add('1', join(FIXTURES, 'one'))
  registry.move('champion', '1')
})
after(async () => {
  await features.close()
  await registry.close()
  rmSync(folder, { recursive: true, force: true })
})

const urls = () => ({ tracking: registry.url, gateway: registry.url, features: features.url })

async function post(url: string, path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  const response = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })
  await response.text()
  return response
}

describe('serving that is traced', () => {
  let memory: MemoryTracing
  let service: TestService
  let grpc: ReturnType<typeof grpcClient>
  let seen = 0

  before(async () => {
    memory = memoryTracing('millrace-serving')
    const grpcPort = await freePort()
    service = await startForTest(servingService, testConfig({ ...urls(), grpcPort, yaml: YAML }), { projectFolder: join(folder, 'traced'), tracing: memory.tracing })
    await ready(service.url)
    grpc = grpcClient(grpcPort, 'inference.GRPCInferenceService')
  })
  after(async () => {
    grpc.client.close()
    await service.stop()
  })

  /** Spans since the last look, once the request that has `count` of them has ended. */
  async function spans(count: number): Promise<readonly ReadableSpan[]> {
    await until(() => memory.spans().length >= seen + count)
    const fresh = memory.spans().slice(seen)
    seen += fresh.length
    return fresh
  }

  const tensors = [
    { name: 'distance', datatype: 'FP64', shape: [1], data: [1000] },
    { name: 'hhmm', datatype: 'INT64', shape: [1], data: [1435] },
    { name: 'carrier', datatype: 'BYTES', shape: [1], data: ['AA'] },
    { name: 'origin', datatype: 'BYTES', shape: [1], data: ['JFK'] },
    { name: 'hour', datatype: 'BYTES', shape: [1], data: [ROW.hour] },
    { name: 'weather__wind', datatype: 'FP32', shape: [1], data: [wind] },
  ]
  const routes: readonly (readonly [string, string, unknown])[] = [
    ['/invocations', '/invocations', { dataframe_records: [ROW] }],
    ['/v2/models/delay/infer', '/v2/models/:model/infer', { inputs: tensors }],
    ['/v2/models/%64elay/versions/1/infer?key=hush', '/v2/models/:model/versions/:version/infer', { inputs: tensors }],
    ['/v1/models/delay:predict', '/v1/models/:model:predict', { instances: [ROW] }],
  ]
  for (const [path, pattern, body] of routes) {
    test(`a prediction at ${pattern} is told of, with what was done for it`, async () => {
      await post(service.url, path, body, { ...TRACE, 'x-request-id': 'request-1' })
      const [server, run, commit, ...more] = await spans(3)
      assert.deepEqual(more, [])
      assert.deepEqual([server?.name, server?.kind, server?.spanContext().traceId], [`POST ${pattern}`, SpanKind.SERVER, TRACE_ID])
      const { port } = new URL(service.url)
      assert.deepEqual(server?.attributes, {
        'http.request.method': 'POST',
        'http.route': pattern,
        'http.response.status_code': 200,
        'url.path': path.split('?')[0],
        'url.scheme': 'http',
        'server.address': '127.0.0.1',
        'server.port': Number(port),
        'millrace.request.id': 'request-1',
        'millrace.model': 'delay',
        'millrace.version': '1',
        'millrace.alias': 'champion',
        'millrace.rows': 1,
      })
      assert.equal(run?.name, 'model.run')
      const { 'millrace.queue.seconds': waited, ...told } = run.attributes
      assert.ok(Number(waited) >= 0)
      assert.deepEqual(told, {
        'millrace.model': 'delay',
        'millrace.version': '1',
        'millrace.role': 'champion',
        'millrace.place': 'loop',
        'millrace.rows': 1,
        'millrace.batch.rows': 1,
        'millrace.batch.requests': 1,
      })
      assert.deepEqual([commit?.name, commit?.attributes], ['journal.commit', { 'millrace.rows': 1, 'millrace.role': 'champion', 'millrace.journal.mode': 'strict' }])
      for (const child of [run, commit]) assert.equal(child?.parentSpanContext?.spanId, server?.spanContext().spanId)
    })
  }

  test('and one over gRPC', async () => {
    const { code } = await grpc.call(
      'ModelInfer',
      { model_name: 'delay', inputs: tensors.map(({ data, datatype, ...rest }) => ({ ...rest, datatype, contents: { [{ FP64: 'fp64_contents', INT64: 'int64_contents', BYTES: 'bytes_contents', FP32: 'fp32_contents' }[datatype] ?? '']: data.map((value) => (typeof value === 'string' ? Buffer.from(value) : value)) } })) },
      { ...TRACE, 'x-request-id': 'request-2' },
    )
    assert.equal(code, 0)
    const [server, run, commit] = await spans(3)
    assert.deepEqual([server?.name, server?.kind, server?.spanContext().traceId], ['inference.GRPCInferenceService/ModelInfer', SpanKind.SERVER, TRACE_ID])
    assert.deepEqual(server?.attributes, {
      'rpc.system.name': 'grpc',
      'rpc.method': 'inference.GRPCInferenceService/ModelInfer',
      'rpc.status_code': 'OK',
      'millrace.request.id': 'request-2',
      'millrace.model': 'delay',
      'millrace.version': '1',
      'millrace.alias': 'champion',
      'millrace.rows': 1,
    })
    assert.deepEqual([run?.name, commit?.name], ['model.run', 'journal.commit'])
    await grpc.call('ModelInfer', { model_name: 'other', inputs: [] }, {})
    const [refused] = await spans(1)
    assert.deepEqual([refused?.attributes['rpc.status_code'], refused?.attributes['millrace.error.code'], refused?.status.code], ['NOT_FOUND', 'NOT_FOUND', SpanStatusCode.UNSET])
  })

  test('the features service is called on behalf of the lookup', async () => {
    features.headers.length = 0
    await post(service.url, '/invocations', { dataframe_records: [RAW] }, TRACE)
    const [server, lookup] = await spans(4)
    assert.deepEqual([lookup?.name, lookup?.parentSpanContext?.spanId, lookup?.attributes], ['features.lookup', server?.spanContext().spanId, { 'millrace.rows': 1 }])
    const [headers] = features.headers
    assert.deepEqual([headers?.['traceparent'], headers?.['tracestate']], [`00-${TRACE_ID}-${lookup?.spanContext().spanId}-01`, TRACE.tracestate])
  })

  test('requests that go together each tell of their own part, and are linked to the one whose call it was', async () => {
    features.headers.length = 0
    const usual = features.answer
    features.answer = async (request) => {
      await new Promise((resolve) => setTimeout(resolve, 30))
      return usual(request)
    }
    await Promise.all(Array.from({ length: 12 }, () => post(service.url, '/invocations', { dataframe_records: [RAW, RAW] })))
    features.answer = usual
    const all = await spans(48)
    const carried = new Set(features.headers.map((headers) => headers['traceparent']))
    assert.ok(carried.size < 12)
    const lookups = all.filter(({ name }) => name === 'features.lookup')
    const idOf = (context: { readonly traceId: string; readonly spanId: string }) => `00-${context.traceId}-${context.spanId}-01`
    assert.equal(lookups.length, 12)
    for (const lookup of lookups) {
      const chosen = [idOf(lookup.spanContext()), ...lookup.links.map(({ context }) => idOf(context))].filter((one) => carried.has(one))
      assert.equal(chosen.length, 1)
    }
    const runs = all.filter(({ name }) => name === 'model.run')
    assert.ok(runs.some(({ attributes }) => Number(attributes['millrace.batch.requests']) > 1))
    for (const { attributes } of runs) assert.equal(Number(attributes['millrace.batch.rows']), 2 * Number(attributes['millrace.batch.requests']))
  })

  test('features that are not to be had in time fail the lookup, not the request', async () => {
    const usual = features.answer
    features.answer = () => new Promise(() => undefined)
    assert.equal((await post(service.url, '/invocations', { dataframe_records: [RAW] })).status, 200)
    features.answer = usual
    const [server, lookup] = await spans(4)
    assert.deepEqual([server?.status.code, lookup?.status.code, lookup?.attributes['error.type']], [SpanStatusCode.UNSET, SpanStatusCode.ERROR, 'UNAVAILABLE'])
  })

  test('what is refused is told by its code, and what was asked stands nowhere', async () => {
    for (const [body, path] of [[{ dataframe_records: [{ ...ROW, distance: 'hush' }] }, '/invocations?token=hush'], ['hush', '/v2/models/delay/infer'], [{ instances: [ROW] }, '/v1/models/nobody:predict']] as const) {
      await post(service.url, path, body, { authorization: 'hush', cookie: 'a=hush' })
    }
    const told = await spans(3)
    assert.deepEqual(
      told.map(({ attributes, status }) => [attributes['http.response.status_code'], attributes['millrace.error.code'], attributes['millrace.model'], status.code]),
      [
        [400, 'INPUT_INVALID', 'delay', SpanStatusCode.UNSET],
        [400, 'BAD_REQUEST', 'delay', SpanStatusCode.UNSET],
        [404, 'NOT_FOUND', undefined, SpanStatusCode.UNSET],
      ],
    )
    assert.doesNotMatch(JSON.stringify(memory.spans().map(({ name, attributes, events, links, status }) => [name, attributes, events, links, status])), /hush|JFK|\b1435\b/)
  })

  test('a caller that goes before its request was whole is told of', async () => {
    const asked = request(`${service.url}/invocations`, { method: 'POST', headers: { 'content-type': 'application/json', 'content-length': 1000, expect: '100-continue' } }).on('error', () => undefined)
    asked.on('continue', () => asked.write('{', () => setTimeout(() => asked.destroy(), 20)))
    asked.flushHeaders()
    const [gone] = await spans(1)
    assert.deepEqual([gone?.attributes['error.type'], gone?.attributes['http.response.status_code']], ['CANCELLED', undefined])
  })

  test('polls and probes are not told of', async () => {
    for (const path of ['/health', '/ping', '/v2/health/ready', '/metrics', '/journal?after=0&limit=1000', '/-/watermark']) await (await fetch(service.url + path)).text()
    await post(service.url, '/invocations', { dataframe_records: [ROW] })
    assert.deepEqual((await spans(3)).map(({ name }) => name), ['POST /invocations', 'model.run', 'journal.commit'])
  })
})

test('where nothing is traced, the features service and the log get the context that the request came with', async (t) => {
  const lines: string[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) })
  const service = await runService(servingService, testConfig({ ...urls(), yaml: YAML }), { projectFolder: join(folder, 'plain'), port: 0, log })
  t.after(() => service.stop())
  const url = `http://127.0.0.1:${service.port}`
  await ready(url)
  features.headers.length = 0
  await post(url, '/invocations', { dataframe_records: [RAW] }, TRACE)
  await post(url, '/invocations', { dataframe_records: [RAW] }, { traceparent: 'wrong', tracestate: 'vendor=1' })
  assert.deepEqual(features.headers.map((headers) => [headers['traceparent'], headers['tracestate']]), [[TRACE.traceparent, TRACE.tracestate], [undefined, undefined]])
  const usual = features.answer
  features.answer = () => new Promise(() => undefined)
  await post(url, '/invocations', { dataframe_records: [RAW] }, TRACE)
  features.answer = usual
  assert.match(lines.find((line) => line.includes('online features')) ?? '', new RegExp(`"trace_id":"${TRACE_ID}"`))
})

/** prom-client loads the API, which does nothing by itself. */
const SDK = /@opentelemetry\/(?!api\/)/

test('where nobody asks for traces, nothing of the SDK of OpenTelemetry is loaded', async () => {
  const program = `
    import { createRequire } from 'node:module'
    for (const file of ['index.ts', 'grpc/index.ts', 'workers/worker.ts', '../platform/service/index.ts']) await import(${JSON.stringify(`${import.meta.dirname}/`)} + file)
    console.log(Object.keys(createRequire('/').cache).filter((file) => ${String(SDK)}.test(file)))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program])
  assert.equal(stdout, '[]\n')
})

describe('a collector', () => {
  let collector: Server
  let received: Buffer[]
  const environment = () => ({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
    OTEL_BSP_SCHEDULE_DELAY: '20',
    OTEL_EXPORTER_OTLP_TIMEOUT: '500',
  })
  const count = (text: string) => Buffer.concat(received).toString('latin1').split(text).length - 1

  before(async () => {
    received = []
    collector = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => received.push(chunk))
      request.on('end', () => response.end())
    })
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  })
  after(() => collector.close())

  test('gets the spans of workers too, and those of the last moment before a stop', async (t) => {
    const serving = await startReadyProcess(join(folder, 'workers'), { ...urls(), workers: 2, yaml: YAML }, { ...environment(), OTEL_BSP_SCHEDULE_DELAY: '60000' })
    t.after(() => serving.child.kill('SIGKILL'))
    for (let i = 0; i < 10; i++) assert.equal((await post(serving.url, '/invocations', { dataframe_records: [ROW] })).status, 200)
    assert.equal(count('model.run'), 0)
    assert.equal(await serving.stop(), 0)
    assert.equal(count('model.run'), 10)
  })

  test('that is gone is missed by no request, nor by a stop', async (t) => {
    const serving = await startReadyProcess(join(folder, 'killed'), { ...urls(), yaml: YAML }, environment())
    t.after(() => serving.child.kill('SIGKILL'))
    await post(serving.url, '/invocations', { dataframe_records: [ROW] })
    await until(() => count('millrace-serving') > 0)
    collector.closeAllConnections()
    collector.close()
    for (let i = 0; i < 100; i++) assert.equal((await post(serving.url, '/invocations', { dataframe_records: [ROW] })).status, 200)
    assert.equal(await serving.stop(), 0)
  })
})
