import assert from 'node:assert/strict'
import { request } from 'node:http'
import { type TestContext, test } from 'node:test'
import { SpanStatusCode } from '@opentelemetry/api'
import { pino } from 'pino'
import { MillraceError } from '../errors/index.ts'
import { createMetrics } from '../metrics/index.ts'
import { memoryTracing } from '../tracing/testing.ts'
import { createHttpServer, listen } from './server.ts'

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

async function serve(t: TestContext, traced: boolean) {
  const { tracing, spans } = memoryTracing('millrace-tracking')
  const lines: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  const { http } = await createHttpServer({ service: 'tracking', project: { name: 'test', state: '/test' }, version: '0', log, metrics: createMetrics('tracking'), tracing: traced ? tracing : null })
  http.get('/runs/:id', (request) => {
    request.log.info('a line of the request')
    return { id: request.url }
  })
  await http.register(async (scope) => {
    scope.setErrorHandler((error, _request, reply) => reply.status(error instanceof MillraceError ? error.status : 500).send('a body of its own'))
    scope.get('/fails', () => {
      throw new Error('the password is hush')
    })
    scope.get('/refuses', () => {
      throw new MillraceError('CONFLICT', 'the value is hush')
    })
  })
  http.get('/slow', () => new Promise(() => undefined))
  http.get('/polled', { config: { traced: false } }, () => ({}))
  const port = await listen(http, 'tracking', '127.0.0.1', 0)
  t.after(() => http.close())
  return { url: `http://127.0.0.1:${port}`, spans, lines }
}

test('a request gets a span by the pattern of its route, and its log lines name the trace', async (t) => {
  const { url, spans, lines } = await serve(t, true)
  await fetch(`${url}/runs/7?token=hush`, { headers: { traceparent: TRACEPARENT, 'x-request-id': 'request-7' } })
  const [span] = spans()
  assert.equal(span?.name, 'GET /runs/:id')
  assert.equal(span.spanContext().traceId, TRACEPARENT.split('-')[1])
  assert.deepEqual([span.attributes['http.response.status_code'], span.attributes['url.path'], span.attributes['millrace.request.id']], [200, '/runs/7', 'request-7'])
  assert.match(lines.find((line) => line.includes('a line of the request')) ?? '', new RegExp(`"trace_id":"${span.spanContext().traceId}"`))
})

test('errors are told by code, whichever handler answered, and what a caller did wrong is none of ours', async (t) => {
  const { url, spans } = await serve(t, true)
  for (const path of ['/fails', '/refuses', '/nowhere']) await fetch(url + path)
  assert.deepEqual(
    spans().map(({ name, status, attributes }) => [name, status.code, attributes['http.response.status_code'], attributes['millrace.error.code']]),
    [
      ['GET /fails', SpanStatusCode.ERROR, 500, 'INTERNAL'],
      ['GET /refuses', SpanStatusCode.UNSET, 409, 'CONFLICT'],
      ['GET', SpanStatusCode.UNSET, 404, 'NOT_FOUND'],
    ],
  )
  assert.doesNotMatch(JSON.stringify(spans().map(({ attributes, events, status }) => [attributes, events, status])), /hush/)
})

test('a caller that goes away ends its span', async (t) => {
  const { url, spans } = await serve(t, true)
  const asked = request(`${url}/slow`).on('error', () => undefined)
  asked.end()
  await new Promise((resolve) => setTimeout(resolve, 50))
  asked.destroy()
  while (spans().length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(spans()[0]?.attributes['error.type'], 'CANCELLED')
})

test('those who watch, and who ask again and again, get none', async (t) => {
  const { url, spans } = await serve(t, true)
  for (const path of ['/metrics', '/docs/json', '/-/nothing', '/polled']) await fetch(url + path)
  assert.deepEqual(spans().map(({ name }) => name), ['GET'])
})

test('where nothing is traced, an error in the log names the trace that its request came with', async (t) => {
  const lines: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  const { http } = await createHttpServer({ service: 'tracking', project: { name: 'test', state: '/test' }, version: '0', log, metrics: createMetrics('tracking') })
  http.get('/fails', () => {
    throw new Error('on purpose')
  })
  t.after(() => http.close())
  await http.inject({ url: '/fails', headers: { traceparent: TRACEPARENT } })
  await http.inject({ url: '/fails' })
  assert.match(lines[0] ?? '', new RegExp(`"trace_id":"${TRACEPARENT.split('-')[1]}"`))
  assert.doesNotMatch(lines[1] ?? '', /trace_id/)
})
