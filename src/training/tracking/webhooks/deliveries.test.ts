import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingHttpHeaders, type Server, createServer } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createTransport } from '../../../../sdk/http.ts'
import { trackingClient } from '../../../../sdk/tracking.ts'
import { projectConfigSchema } from '../../../domain/config.ts'
import { parseConfig } from '../../../platform/config/index.ts'
import { type TestService, startForTest } from '../../../platform/service/testing.ts'
import { trackingService } from '../../index.ts'
import { send } from '../../testing.ts'
import { judge } from './deliveries.ts'

const open = parseConfig(projectConfigSchema, 'project: test\nwebhooks: {allow_http: true, allow_private: true}\n', 'millrace.yaml', {})

interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A receiver that answers as `answers` says, in turn, and the last of them from then on. */
async function receiver(t: TestContext, ...answers: readonly (readonly [number, Readonly<Record<string, string>>?])[]) {
  const received: Received[] = []
  let waiting: (() => void)[] = []
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const [status, headers] = answers[Math.min(received.length, answers.length - 1)] ?? [200]
      received.push({ path: request.url ?? '', headers: request.headers, body: Buffer.concat(parts).toString() })
      response.writeHead(status, headers).end('heard')
      for (const go of waiting.splice(0)) go()
    })
  }).listen(0, '127.0.0.1')
  t.after(() => {
    waiting = []
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const until = async (count: number): Promise<void> => {
    while (received.length < count) await new Promise<void>((go) => waiting.push(go))
  }
  return { url: `http://127.0.0.1:${address.port}/hook`, received, until }
}

async function started(t: TestContext, projectFolder?: string): Promise<TestService> {
  const service = await startForTest(trackingService, open, projectFolder === undefined ? {} : { projectFolder })
  t.after(() => service.stop())
  return service
}

async function hook(url: string, body: object): Promise<string> {
  const { status, text } = await send(url, 'POST', '/api/2.0/mlflow/webhooks', { body: { name: 'hook', events: [{ entity: 'REGISTERED_MODEL', action: 'CREATED' }], ...body } })
  assert.equal(status, 200, text)
  const made: { webhook: { webhook_id: string } } = JSON.parse(text)
  return made.webhook.webhook_id
}

interface Delivery {
  readonly delivery_id: string
  readonly status: string
  readonly attempts: number
  readonly response_status?: number
  readonly error?: string
  readonly event: string
}

async function log(url: string, id: string, ready: (deliveries: readonly Delivery[]) => boolean): Promise<readonly Delivery[]> {
  for (;;) {
    const answer: { deliveries: readonly Delivery[] } = JSON.parse((await send(url, 'GET', `/api/2.0/millrace/webhooks/${id}/deliveries`)).text)
    if (ready(answer.deliveries)) return answer.deliveries
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('what happens is delivered, signed as MLflow signs, to those who asked for it', async (t) => {
  const { url } = await started(t)
  const client = trackingClient(createTransport(url))
  await client.registerModel('before')
  const wants = await receiver(t, [200])
  const other = await receiver(t, [200])
  const id = await hook(url, { url: wants.url, secret: 'hush', events: [{ entity: 'REGISTERED_MODEL', action: 'CREATED' }, { entity: 'MODEL_VERSION_ALIAS', action: 'CREATED' }] })
  await hook(url, { url: other.url, events: [{ entity: 'PROMPT', action: 'CREATED' }] })
  await client.registerModel('m')
  const run = await client.createRun('0')
  await client.createVersion('m', { source: `${run.info.artifact_uri}/model`, runId: run.info.run_id })
  await client.setAlias('m', 'champion', '1')
  await wants.until(2)
  const bodies = wants.received.map(({ body }) => JSON.parse(body) as { entity: string; action: string; timestamp: string; data: { name: string } })
  assert.deepEqual(bodies.map(({ entity, action, data }) => [entity, action, data.name]).toSorted(), [['model_version_alias', 'created', 'm'], ['registered_model', 'created', 'm']])
  for (const { headers, body } of wants.received) {
    const [delivery, timestamp] = [headers['x-mlflow-delivery-id'], headers['x-mlflow-timestamp']]
    assert.equal(headers['x-mlflow-signature'], `v1,${createHmac('sha256', 'hush').update(`${String(delivery)}.${String(timestamp)}.${body}`).digest('base64')}`)
    assert.equal(headers['content-type'], 'application/json')
  }
  const deliveries = await log(url, id, (all) => all.every(({ status }) => status === 'delivered'))
  assert.deepEqual(deliveries.map(({ event, attempts, response_status }) => [event, attempts, response_status]).toSorted(), [['model_version_alias.created', 1, 200], ['registered_model.created', 1, 200]])
  assert.equal(other.received.length, 0)
})

test('a receiver that fails is tried again under the same delivery id; one that refuses is not', async (t) => {
  const { url } = await started(t)
  const client = trackingClient(createTransport(url))
  const fails = await receiver(t, [503], [200])
  const refuses = await receiver(t, [404])
  const elsewhere = await receiver(t, [200])
  const redirects = await receiver(t, [307, { location: elsewhere.url }])
  const [a, b, c] = [await hook(url, { url: fails.url }), await hook(url, { url: refuses.url }), await hook(url, { url: redirects.url })]
  await client.registerModel('m')
  await fails.until(2)
  assert.equal(fails.received[0]?.headers['x-mlflow-delivery-id'], fails.received[1]?.headers['x-mlflow-delivery-id'])
  assert.equal(fails.received[0]?.body, fails.received[1]?.body)
  const ended = (all: readonly Delivery[]) => all.length === 1 && all.every(({ status }) => status !== 'pending')
  assert.deepEqual((await log(url, a, ended)).map(({ status, attempts }) => [status, attempts]), [['delivered', 2]])
  assert.deepEqual((await log(url, b, ended)).map(({ status, attempts, error }) => [status, attempts, error]), [['failed', 1, 'answered 404']])
  assert.match((await log(url, c, ended))[0]?.error ?? '', /redirect, which is not followed/)
  assert.equal(elsewhere.received.length, 0)
  const [failed] = await log(url, b, ended)
  await send(url, 'POST', `/api/2.0/millrace/webhooks/${b}/deliveries/${failed?.delivery_id ?? ''}/redeliver`, { body: {} })
  await refuses.until(2)
})

test('what was not delivered when the service ended is delivered when it starts again', async (t) => {
  const projectFolder = mkdtempSync(join(tmpdir(), 'millrace-webhooks-'))
  t.after(() => rmSync(projectFolder, { recursive: true, force: true }))
  const wants = await receiver(t, [503], [200])
  const first = await startForTest(trackingService, open, { projectFolder })
  await hook(first.url, { url: wants.url })
  await trackingClient(createTransport(first.url)).registerModel('m')
  await wants.until(1)
  await first.stop()
  await started(t, projectFolder)
  await wants.until(2)
  assert.equal(wants.received[0]?.headers['x-mlflow-delivery-id'], wants.received[1]?.headers['x-mlflow-delivery-id'])
})

test('a test sends MLflow\'s example at once and tells what came of it', async (t) => {
  const { url } = await started(t)
  const wants = await receiver(t, [200], [500])
  const id = await hook(url, { url: wants.url, secret: 's' })
  const tested = async (body: object) => (await send(url, 'POST', `/api/2.0/mlflow/webhooks/${id}/test`, { body })).text
  assert.deepEqual(JSON.parse(await tested({})), { result: { success: true, response_status: 200, response_body: 'heard' } })
  assert.deepEqual(JSON.parse(await tested({ event: { entity: 'MODEL_VERSION_TAG', action: 'SET' } })), { result: { success: false, response_status: 500, response_body: 'heard' } })
  assert.match(wants.received[1]?.body ?? '', /^\{"entity":"model_version_tag","action":"set","timestamp":"[^"]+\+00:00","data":\{"name":"example_model","version":"1"/)
  await send(url, 'PATCH', `/api/2.0/mlflow/webhooks/${id}`, { body: { url: 'http://127.0.0.1:1/' } })
  assert.match(await tested({}), /"success":false,"error_message":"Failed to test webhook: /)
})

test('a webhook whose host turns private after it was made reaches nobody', async (t) => {
  const inside = await receiver(t, [200])
  const projectFolder = mkdtempSync(join(tmpdir(), 'millrace-webhooks-'))
  t.after(() => rmSync(projectFolder, { recursive: true, force: true }))
  const lax = await startForTest(trackingService, open, { projectFolder })
  const id = await hook(lax.url, { url: inside.url.replace('127.0.0.1', 'localhost') })
  await lax.stop()
  const strict = await startForTest(trackingService, parseConfig(projectConfigSchema, 'project: test\n', 'millrace.yaml', {}), { projectFolder })
  t.after(() => strict.stop())
  const answer = await send(strict.url, 'POST', `/api/2.0/mlflow/webhooks/${id}/test`, { body: {} })
  assert.match(answer.text, /"success":false.*not an address of the public internet/)
  await trackingClient(createTransport(strict.url)).registerModel('m')
  const [first] = await log(strict.url, id, (all) => all.some(({ attempts, error }) => attempts > 0 && error !== undefined))
  assert.match(first?.error ?? '', /not an address of the public internet/)
  assert.equal(inside.received.length, 0)
})

test('pauses between attempts double, heed the receiver, and end', () => {
  const now = 1_000_000
  const busy = (retryAfterMs?: number) => ({ answered: true, status: 503, text: '', retryAfterMs }) as const
  const pauses = Array.from({ length: 19 }, (_, i) => judge(busy(), i + 1, now).next_attempt - now)
  for (const [i, pause] of pauses.entries()) {
    const least = Math.min(3_600_000, 1000 * 2 ** i)
    assert.ok(pause >= least && pause <= least * 1.5, `${i}: ${pause}`)
  }
  assert.ok(judge(busy(120_000), 1, now).next_attempt - now >= 120_000)
  assert.equal(judge(busy(), 20, now).status, 'failed')
  for (const status of [200, 204]) assert.equal(judge({ answered: true, status, text: '', retryAfterMs: undefined }, 1, now).status, 'delivered')
  for (const status of [301, 307, 400, 404, 410]) assert.equal(judge({ answered: true, status, text: '', retryAfterMs: undefined }, 1, now).status, 'failed')
  for (const status of [408, 429, 500, 502]) assert.equal(judge({ answered: true, status, text: '', retryAfterMs: undefined }, 1, now).status, 'pending')
  assert.equal(judge({ answered: false, error: 'gone' }, 1, now).status, 'pending')
  assert.equal(judge({ answered: false, error: 'disabled' }, 1, now, false).status, 'failed')
})
