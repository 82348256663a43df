import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SpanKind } from '@opentelemetry/api'
import * as fc from 'fast-check'
import type { Problem } from '../../platform/http/index.ts'
import { memoryTracing } from '../../platform/tracing/testing.ts'
import { configFor, rawStatus, startGateway, startPeer } from '../testing.ts'
import { isControlPath } from './routes.ts'

test('a service is reached under its name, with path, query, body and request id as they were', async (t) => {
  const monitor = await startPeer(t, 'monitor', (http) => {
    http.post('/labels/*', (request) => ({ url: request.url, body: request.body, id: request.id }))
    http.get('/page', (_request, reply) => reply.type('text/html').send('<script>alert(1)</script>'))
  })
  const gateway = await startGateway(t, configFor({ monitor: monitor.url }))
  const response = await fetch(`${gateway.url}/api/monitor/labels/a%20b?x=1&y=%2F`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': 'request-7' },
    body: JSON.stringify({ label: 1 }),
  })
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('x-request-id'), 'request-7')
  assert.deepEqual(await response.json(), { url: '/labels/a%20b?x=1&y=%2F', body: { label: 1 }, id: 'request-7' })
  const page = await gateway.get('/api/monitor/page')
  assert.match(page.headers.get('content-security-policy') ?? '', /sandbox/)
})

test('the paths of well-known protocols lead to their service unchanged', async (t) => {
  const echo = (name: 'tracking' | 'serving') =>
    startPeer(t, name, (http) => {
      http.all('/*', (request) => ({ service: name, url: request.url }))
    })
  const tracking = await echo('tracking')
  const serving = await echo('serving')
  const gateway = await startGateway(t, configFor({ tracking: tracking.url, serving: serving.url }))
  const paths = [
    ['/api/2.0/mlflow/runs/get?run_id=1', 'tracking'],
    ['/api/2.0/mlflow-artifacts/artifacts/1/model.onnx', 'tracking'],
    ['/ajax-api/2.0/mlflow/experiments/search', 'tracking'],
    ['/api/2.0/millrace/registry/history?name=m', 'tracking'],
    ['/api/3.0/mlflow/server-info', 'tracking'],
    ['/get-artifact?run_id=1&path=a', 'tracking'],
    ['/model-versions/get-artifact?name=m&version=1&path=a', 'tracking'],
    ['/v2/models/flight-delay/infer', 'serving'],
    ['/invocations', 'serving'],
  ] as const
  for (const [path, service] of paths) {
    assert.deepEqual(await gateway.json(path), { service, url: path })
  }
})

const TRACE = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'vendor=1' }
const carried = (headers: Readonly<Record<string, unknown>>) => ({ traceparent: headers['traceparent'], tracestate: headers['tracestate'] })

test('a trace context goes on as it came where nothing is traced', async (t) => {
  const monitor = await startPeer(t, 'monitor', (http) => {
    http.get('/reports', (request) => carried(request.headers))
  })
  const gateway = await startGateway(t, configFor({ monitor: monitor.url }))
  assert.deepEqual(await (await gateway.get('/api/monitor/reports', TRACE)).json(), TRACE)
})

test('and so it does to the services that the overview asks', async (t) => {
  const asked: unknown[] = []
  const serving = await startPeer(t, 'serving', (http) => {
    http.get('/deployments', (request) => {
      asked.push(carried(request.headers))
      return []
    })
  })
  const { tracing, spans } = memoryTracing('millrace-gateway')
  const plain = await startGateway(t, configFor({ serving: serving.url }))
  await (await plain.get('/api/overview', TRACE)).json()
  const traced = await startGateway(t, configFor({ serving: serving.url }), undefined, tracing)
  await (await traced.get('/api/overview', TRACE)).json()
  assert.deepEqual(asked, [TRACE, { ...TRACE, traceparent: `00-0af7651916cd43dd8448eb211c80319c-${spans()[0]?.spanContext().spanId}-01` }])
})

test('where it is traced, a request that is passed on has a span, and another for the service that it is passed on to', async (t) => {
  const { tracing, spans } = memoryTracing('millrace-gateway')
  const monitor = await startPeer(t, 'monitor', (http) => {
    http.get('/reports', (request) => carried(request.headers))
  })
  const gateway = await startGateway(t, configFor({ monitor: monitor.url }), undefined, tracing)
  const passed: unknown = await (await gateway.get('/api/monitor/reports?key=hush', TRACE)).json()
  const [server, call] = spans()
  assert.deepEqual([server?.name, server?.kind, server?.attributes['url.path']], ['GET /api/monitor/*', SpanKind.SERVER, '/api/monitor/reports'])
  assert.deepEqual([call?.kind, call?.parentSpanContext?.spanId, call?.attributes['server.port']], [SpanKind.CLIENT, server?.spanContext().spanId, monitor.port])
  assert.deepEqual(passed, { traceparent: `00-0af7651916cd43dd8448eb211c80319c-${call?.spanContext().spanId}-01`, tracestate: 'vendor=1' })
  assert.equal((await gateway.get('/api/serving/nothing')).status, 502)
  const [failed, unanswered] = spans().slice(2)
  assert.deepEqual([failed?.attributes['http.response.status_code'], failed?.attributes['error.type']], [502, 'UPSTREAM_FAILED'])
  assert.deepEqual([unanswered?.attributes['http.response.status_code'], unanswered?.attributes['error.type']], [undefined, 'UPSTREAM_FAILED'])
  const wrong: unknown = await (await gateway.get('/api/monitor/reports', { traceparent: 'x', tracestate: 'vendor=1' })).json()
  assert.deepEqual(wrong, { traceparent: `00-${spans()[5]?.spanContext().traceId}-${spans()[5]?.spanContext().spanId}-01` })
})

test('a service that is down is named', async (t) => {
  const gateway = await startGateway(t, configFor({}))
  const response = await gateway.get('/api/features/feature-views')
  assert.equal(response.status, 502)
  assert.match(response.headers.get('content-type') ?? '', /application\/problem\+json/)
  const problem = (await response.json()) as Problem
  assert.equal(problem.code, 'UPSTREAM_FAILED')
  assert.match(problem.detail, /^features could not be reached at http:\/\/127\.0\.0\.1:9$/)
})

test('what lies under /-/ is never passed on, however it is written', async (t) => {
  let reached = 0
  const tracking = await startPeer(t, 'tracking', (http) => {
    http.addHook('onRequest', async (request) => {
      // Besides the gateway's own pulling of the outbox.
      if (!request.url.startsWith('/-/outbox')) reached++
    })
  })
  const gateway = await startGateway(t, configFor({ tracking: tracking.url }))
  for (const path of ['/-/clock', '/%2d/clock', '//-/clock', '/./-/clock', '/x/../-/clock', '/%2e/-/clock', '/%252d/clock', '/%2F-/clock']) {
    const status = await rawStatus(gateway.url, `/api/tracking${path}`)
    assert.ok(status === 400 || status === 404, `${path}: ${status}`)
  }
  for (const path of ['/api/%74racking/-/watermark', '/%61pi/tracking/-/clock', '/api/trackin%67/%2d/clock']) {
    assert.equal(await rawStatus(gateway.url, path), 404, path)
  }
  assert.equal(reached, 0)
})

test('nor what imports and removes past the rules of tracking', async (t) => {
  const tracking = await startPeer(t, 'tracking', (http) => {
    http.all('/api/*', (request) => ({ url: request.url }))
  })
  const gateway = await startGateway(t, configFor({ tracking: tracking.url }))
  for (const path of ['/api/tracking/api/2.0/millrace/import/totals', '/api/2.0/millrace/import/totals', '/api/2.0/millrace//%69mport/totals', '/api/tracking/ajax-api/2.0/millrace/gc/plan', '/ajax-api/2.0/./millrace/gc']) {
    const status = await rawStatus(gateway.url, path)
    assert.ok(status === 400 || status === 404, `${path}: ${status}`)
  }
  assert.equal(await rawStatus(gateway.url, '/api/2.0/millrace/registry/history?name=import/gc'), 200)
})

test('no spelling of a control path escapes the check', () => {
  const spelling = fc.tuple(
    fc.stringMatching(/^(?:\/|\.\/|%2e\/|%2F){0,4}$/),
    fc.constantFrom('-', '%2d', '%2D', '%252d'),
    fc.constantFrom('clock', 'outbox', ''),
  )
  fc.assert(fc.property(spelling, ([before, dash, name]) => isControlPath(`/${before}${dash}/${name}?a=/x`)))
  fc.assert(fc.property(fc.stringMatching(/^[a-z]{1,9}$/), (name) => !isControlPath(`/${name}/-/x`)))
})
