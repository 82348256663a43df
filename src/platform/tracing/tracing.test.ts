import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { type IncomingMessage, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { hrTimeToNanoseconds } from '@opentelemetry/core'
import * as fc from 'fast-check'
import { pino } from 'pino'
import { type TraceHeaders, incomingTrace, openTracing, traceIdOf, whatIsAsked } from './index.ts'
import { sparingly } from './sparingly.ts'
import { memoryTracing } from './testing.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const PARENT = 'b7ad6b7169203331'
const sampled: TraceHeaders = { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: 'vendor=1,other=2' }
const arrival = (headers: Readonly<Record<string, string>> = {}) => ({ method: 'POST', route: '/v2/models/:model/infer', url: '/v2/models/delay/infer?key=secret', headers, requestId: 'request-1' })

const configurations: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
  ['without an endpoint', { OTEL_SERVICE_NAME: 'a' }, /^nothing$/],
  ['with an empty endpoint', { OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, /^nothing$/],
  ['with the endpoint of all signals', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' }, /^traces$/],
  ['with the endpoint of traces', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector/v1/traces' }, /^traces$/],
  ['with OTEL_SDK_DISABLED', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318', OTEL_SDK_DISABLED: 'True' }, /^nothing$/],
  ['without an exporter', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318', OTEL_TRACES_EXPORTER: 'none' }, /^nothing$/],
  ['with an exporter that is not ours', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318', OTEL_TRACES_EXPORTER: 'zipkin' }, /OTEL_TRACES_EXPORTER is "zipkin"/],
  ['with a protocol that is not ours', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /http\/protobuf alone, not over "grpc"/],
  ['with an endpoint that is no address', { OTEL_EXPORTER_OTLP_ENDPOINT: 'user:password@collector' }, /^OTEL_EXPORTER_OTLP_ENDPOINT is no http/],
]
for (const [what, environment, expected] of configurations) {
  test(`what the environment asks for, ${what}`, () => assert.match(whatIsAsked(environment), expected))
}

test('a service that nobody asked for traces loads nothing of OpenTelemetry', async () => {
  const program = `
    import { createRequire } from 'node:module'
    import { openTracing } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))}
    const tracing = await openTracing({ service: 'a', project: 'b', version: '1', log: undefined })
    console.log(tracing, Object.keys(createRequire('/').cache).filter((file) => file.includes('@opentelemetry')).length)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { env: {} })
  assert.equal(stdout, 'null 0\n')
})

const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`)).filter((text) => !/^0+$/.test(text))

test('a trace context of any version is handed on as it came', () => {
  const version = fc.stringMatching(/^[0-9a-f]{2}$/).filter((text) => text !== 'ff')
  fc.assert(
    fc.property(version, hex(32), hex(16), fc.constantFrom('00', '01', '03'), fc.option(fc.string(), { nil: undefined }), (v, trace, parent, flags, tracestate) => {
      const headers: Record<string, string | undefined> = { traceparent: `${v}-${trace}-${parent}-${flags}`, tracestate }
      assert.deepEqual(incomingTrace((name) => headers[name]), tracestate === undefined ? { traceparent: headers['traceparent'] } : headers)
      assert.equal(traceIdOf(headers['traceparent']), trace)
    }),
  )
})

test('what is no trace context goes no further', () => {
  const wrong = fc.oneof(fc.string(), fc.constantFrom(`ff-${TRACE}-${PARENT}-01`, `00-${'0'.repeat(32)}-${PARENT}-01`, `00-${TRACE}-${'0'.repeat(16)}-01`, `00-${TRACE.toUpperCase()}-${PARENT}-01`))
  fc.assert(fc.property(wrong, (traceparent) => incomingTrace((name) => (name === 'traceparent' ? traceparent : 'a=1')) === undefined && traceIdOf(traceparent) === undefined))
})

test('the span of a request belongs to the trace that it came with, and what is done for it belongs to the span', () => {
  const { tracing, spans } = memoryTracing('millrace-serving')
  const span = tracing.http(arrival({ ...sampled, host: '[::1]:8000' }))
  assert.equal(span.traceId, TRACE)
  const from = performance.now()
  span.record('model.run', from, from + 2.5, { 'millrace.batch.rows': 3, 'millrace.none': undefined })
  const child = span.child('features.lookup')
  assert.match(child.headers.traceparent, new RegExp(`^00-${TRACE}-[\\da-f]{16}-01$`))
  assert.equal(child.headers.tracestate, sampled.tracestate)
  child.end()
  span.answered(200)
  const [server, run, lookup] = spans()
  assert.deepEqual([server?.name, server?.kind, server?.parentSpanContext?.spanId], ['POST /v2/models/:model/infer', SpanKind.SERVER, PARENT])
  assert.deepEqual(server?.attributes, {
    'http.request.method': 'POST',
    'http.route': '/v2/models/:model/infer',
    'http.response.status_code': 200,
    'url.path': '/v2/models/delay/infer',
    'url.scheme': 'http',
    'server.address': '[::1]',
    'server.port': 8000,
    'millrace.request.id': 'request-1',
  })
  assert.equal(server?.status.code, SpanStatusCode.UNSET)
  assert.deepEqual([run?.name, run?.attributes, hrTimeToNanoseconds(run?.duration ?? [0, 0])], ['model.run', { 'millrace.batch.rows': 3 }, 2_500_000])
  for (const one of [run, lookup]) assert.equal(one?.parentSpanContext?.spanId, server?.spanContext().spanId)
  assert.ok(hrTimeToNanoseconds(run?.startTime ?? [0, 0]) >= hrTimeToNanoseconds(server?.startTime ?? [0, 0]))
  assert.deepEqual(server?.resource.attributes['service.name'], 'millrace-serving')
})

test('a request without a context, or with a wrong one, begins a trace', () => {
  const { tracing, spans } = memoryTracing('a')
  tracing.http(arrival()).end()
  tracing.http(arrival({ traceparent: '00-0-0-01', tracestate: 'a=1' })).end()
  assert.equal(new Set(spans().map((span) => span.spanContext().traceId)).size, 2)
  for (const span of spans()) assert.deepEqual([span.parentSpanContext, span.spanContext().traceState], [undefined, undefined])
})

test('of a trace that was not sampled nothing is kept, and its context goes on all the same', () => {
  const { tracing, spans } = memoryTracing('a')
  const span = tracing.http(arrival({ traceparent: `00-${TRACE}-${PARENT}-00` }))
  assert.equal(span.recording, false)
  for (const one of [span, span.child('b'), span.call('GET', 'http://localhost:1')]) assert.match(one.headers.traceparent, new RegExp(`^00-${TRACE}-[\\da-f]{16}-00$`))
  span.record('c', 0, 1, {})
  span.answered(200)
  assert.deepEqual(spans(), [])
})

test('what went wrong is told by its code and the title of that, never by a message', () => {
  const { tracing, spans } = memoryTracing('a')
  tracing.http(arrival()).answered(500, 'PREDICTION_FAILED')
  tracing.http(arrival()).answered(400, 'INPUT_INVALID')
  tracing.http(arrival()).answered(undefined, 'CANCELLED')
  tracing.rpc({ method: 'p.S/M', header: () => undefined, requestId: 'r' }).answered('UNAVAILABLE', 'OVERLOADED')
  tracing.rpc({ method: 'p.S/M', header: () => undefined, requestId: 'r' }).answered('INVALID_ARGUMENT', 'INPUT_INVALID')
  const told = spans().map(({ status, attributes, events }) => [status.code, attributes['error.type'], attributes['millrace.error.code'], attributes['http.response.status_code'] ?? attributes['rpc.status_code'], events.length])
  assert.deepEqual(told, [
    [SpanStatusCode.ERROR, 'PREDICTION_FAILED', 'PREDICTION_FAILED', 500, 1],
    [SpanStatusCode.UNSET, undefined, 'INPUT_INVALID', 400, 0],
    [SpanStatusCode.ERROR, 'CANCELLED', 'CANCELLED', undefined, 1],
    [SpanStatusCode.ERROR, 'OVERLOADED', 'OVERLOADED', 'UNAVAILABLE', 1],
    [SpanStatusCode.UNSET, undefined, 'INPUT_INVALID', 'INVALID_ARGUMENT', 0],
  ])
})

test('something is told at once, and then with how often it was untold', () => {
  const told: number[] = []
  const now = sparingly(Number.POSITIVE_INFINITY)
  for (let i = 0; i < 5; i++) now((before) => told.push(before))
  assert.deepEqual(told, [0])
  const always = sparingly(0)
  for (let i = 0; i < 3; i++) always((before) => told.push(before))
  assert.deepEqual(told, [0, 0, 0, 0])
})

/** A collector that answers as it is told; and the environment that names it, as of the calling test. */
async function startCollector(t: TestContext, answer: (request: IncomingMessage) => number | undefined): Promise<{ readonly bodies: Buffer[] }> {
  const bodies: Buffer[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const status = answer(request)
      if (status === 200) bodies.push(Buffer.concat(chunks))
      if (status !== undefined) response.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const before = { ...process.env }
  Object.assign(process.env, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${port}/v1/traces`, OTEL_EXPORTER_OTLP_HEADERS: 'x-key=hush', OTEL_EXPORTER_OTLP_TIMEOUT: '300', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1', OTEL_SERVICE_NAME: 'my-service', OTEL_RESOURCE_ATTRIBUTES: 'team=flights' })
  t.after(() => {
    process.env = before
  })
  return { bodies }
}

async function opened(lines: string[]) {
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  const tracing = await openTracing({ service: 'millrace-serving', project: 'test', version: '1.0.0', log })
  assert.ok(tracing)
  return tracing
}

test('spans reach a collector, with the headers and the names that the environment gives, also those of the last moment', async (t) => {
  const keys: unknown[] = []
  const collector = await startCollector(t, (request) => {
    keys.push(request.headers['x-key'])
    return 200
  })
  const tracing = await opened([])
  tracing.http(arrival()).answered(200)
  await tracing.stop()
  assert.deepEqual(keys, ['hush'])
  for (const text of ['my-service', 'flights', 'millrace.request.id', 'request-1']) assert.ok(collector.bodies[0]?.includes(text), text)
})

test('a collector that takes nothing is told of once, not for each span', async (t) => {
  await startCollector(t, () => 400)
  const lines: string[] = []
  const tracing = await opened(lines)
  for (let i = 0; i < 20; i++) {
    tracing.http(arrival()).answered(200)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await tracing.stop()
  assert.equal(lines.length, 1, lines.join(''))
  assert.match(lines[0] ?? '', /"level":40.*the collector of traces does not take them/)
  assert.doesNotMatch(lines[0] ?? '', /hush/)
})

test('a collector that never answers does not hold up a stop', async (t) => {
  await startCollector(t, () => undefined)
  const lines: string[] = []
  const tracing = await opened(lines)
  for (let i = 0; i < 5000; i++) tracing.http(arrival()).answered(200)
  await tracing.stop()
  assert.ok(lines.length <= 2, lines.join(''))
})
