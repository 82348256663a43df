import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'node:http'
import type { TestContext } from 'node:test'
import type { EventData, EventType } from '../api/events.ts'
import { type ProjectConfig, projectConfigSchema } from '../domain/config.ts'
import { type ServiceName, parseConfig } from '../platform/config/index.ts'
import { type EventsSchema, createEventsTables } from '../platform/events/outbox.ts'
import type { HttpServer } from '../platform/http/index.ts'
import type { ServiceDefinition } from '../platform/service/index.ts'
import { type TestService, startForTest } from '../platform/service/testing.ts'
import type { Database } from '../platform/db/index.ts'
import type { Tracing } from '../platform/tracing/index.ts'
import { gatewayService } from './index.ts'

/** Nobody listens on the discard port: a service there is down. */
const DOWN = 'http://127.0.0.1:9'

export interface Peer extends TestService {
  readonly db: Database<EventsSchema>
  /** Emits one event, in a transaction of its own. */
  readonly emit: (model: string) => Promise<void>
  /** Emits an event of any type. */
  readonly emitting: <T extends EventType>(type: T, subject: string, data: EventData[T]) => Promise<void>
}

/** A service with an outbox and whatever routes a test gives it: a real peer for the gateway, over real HTTP. */
export async function startPeer(t: TestContext, name: ServiceName, routes: (http: HttpServer) => void = () => {}): Promise<Peer> {
  let emitting: Peer['emitting'] | undefined
  let database: Database<EventsSchema> | undefined
  const definition: ServiceDefinition<EventsSchema, ProjectConfig> = {
    name,
    migrations: [{ name: '001-events', up: createEventsTables }],
    start: ({ db, outbox, http }) => {
      database = db
      emitting = async (type, subject, data) => {
        await db.transaction((trx) => outbox.emit(trx, type, subject, data))
      }
      if (name === 'pipelines') http.get('/-/outbox/project', () => ({ events: [] }))
      routes(http)
      return Promise.resolve({ waitingFor: () => Promise.resolve([]) })
    },
  }
  const service = await startForTest(definition, configFor({}))
  t.after(service.stop)
  if (emitting === undefined || database === undefined) throw new Error('the peer did not start')
  const tell = emitting
  return { ...service, db: database, emitting: tell, emit: (model) => tell('dev.millrace.model.created', model, { model }) }
}

export function configFor(urls: Partial<Record<ServiceName, string>>, more = ''): ProjectConfig {
  const services = (['tracking', 'features', 'serving', 'monitor', 'pipelines'] as const).map((name) => `  ${name}: {url: "${urls[name] ?? DOWN}"}\n`)
  return parseConfig(projectConfigSchema, `project: test\n${more}services:\n${services.join('')}`, 'millrace.yaml')
}

export interface TestGateway extends TestService {
  readonly get: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Response>
  readonly json: <T>(path: string) => Promise<T>
}

export async function startGateway(t: TestContext, config: ProjectConfig, projectFolder?: string, tracing?: Tracing): Promise<TestGateway> {
  const service = await startForTest(gatewayService, config, { ...(projectFolder === undefined ? {} : { projectFolder }), ...(tracing ? { tracing } : {}) })
  t.after(service.stop)
  const get: TestGateway['get'] = (path, headers = {}) => fetch(`${service.url}${path}`, { headers })
  return { ...service, get, json: async <T>(path: string) => (await (await get(path)).json()) as T }
}

export async function inTemporaryFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-gateway-'))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The status of a GET whose path goes over the wire as it is written: `fetch` would resolve its dots first. */
export function rawStatus(url: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { path, agent: false, headers: { accept: 'text/html' } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

/** Asks until `done`; a test that waits for ever is ended by its runner. */
export async function until<T>(ask: () => Promise<T>, done: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (done(answer)) return answer
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
