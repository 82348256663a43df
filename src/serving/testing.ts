import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createTransport } from '../../sdk/http.ts'
import { servingClient } from '../../sdk/serving.ts'
import type { GetOnlineFeaturesRequest } from '../api/features.ts'
import type { EventPage, LoggedEvent } from '../api/events.ts'
import type { JournalRecord } from '../api/serving.ts'
import { type ProjectConfig, projectConfigSchema } from '../domain/config.ts'
import { parseConfig } from '../platform/config/index.ts'

export const FIXTURES = join(import.meta.dirname, 'fixtures')

/** A row that the fixture models take, with its online feature given. */
export const ROW = { distance: 1000, hhmm: 1435, carrier: 'AA', origin: 'JFK', hour: '2013-04-01T15:00:00Z', weather__wind: 10.5 }

interface Peer {
  readonly url: string
  readonly close: () => Promise<void>
}

/** Another service, as serving meets it over HTTP: `handle` answers a path with JSON or bytes, or undefined for 404. */
async function startPeer(handle: (request: IncomingMessage, url: URL, body: string) => unknown): Promise<Peer> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => void answer(request, response, body))
  })
  const answer = async (request: IncomingMessage, response: ServerResponse, body: string) => {
    const result = await handle(request, new URL(request.url ?? '/', 'http://peer'), body)
    if (result instanceof Buffer) response.end(result)
    else if (result === undefined) response.writeHead(404).end(JSON.stringify({ error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'not found' }))
    else response.end(JSON.stringify(result))
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

export interface Registry extends Peer {
  /** Versions are folders of model files. */
  readonly add: (version: string, files: string) => void
  readonly move: (alias: string, version: string | null) => void
  /** Counts up where models are deleted and made again: a version of the same number is then another. */
  generation: number
  /** Files are given out once this has resolved. */
  held: Promise<void>
}

/** What serving asks of tracking: aliases, and artifacts of versions; and the event log that tells of moves. */
export async function startRegistry(folder: string, model = 'delay'): Promise<Registry> {
  const aliases = new Map<string, string>()
  const events: LoggedEvent[] = []
  const waiting = new Set<() => void>()
  mkdirSync(folder, { recursive: true })
  const peer = await startPeer(async (request, url, body) => {
    const parameter = (name: string) => url.searchParams.get(name) ?? ''
    switch (url.pathname) {
      case '/api/2.0/mlflow/registered-models/alias': {
        if (request.method === 'POST') {
          const { alias, version }: { readonly alias: string; readonly version: string } = JSON.parse(body)
          registry.move(alias, version)
          return {}
        }
        const version = parameter('name') === model ? aliases.get(parameter('alias')) : undefined
        return version === undefined ? undefined : { model_version: { name: model, version, run_id: `run${version}`, source: 'models', creation_timestamp: registry.generation } }
      }
      case '/api/2.0/mlflow/model-versions/get': {
        const version = parameter('version')
        if (parameter('name') !== model || !existsSync(join(folder, version))) return undefined
        return { model_version: { name: model, version, run_id: `run${version}`, source: 'models', creation_timestamp: registry.generation } }
      }
      case '/api/2.0/mlflow/model-versions/get-download-uri':
        return { artifact_uri: `mlflow-artifacts:/1/${parameter('version')}/artifacts/model` }
      case '/api/2.0/mlflow-artifacts/artifacts':
        return { files: readdirSync(place(parameter('path'))).map((path) => ({ path, is_dir: statSync(join(place(parameter('path')), path)).isDirectory() })) }
      case '/events': {
        const after = Number(parameter('after'))
        if (events.length <= after && url.searchParams.get('wait') !== '0') await new Promise<void>((resolve) => waiting.add(resolve))
        return { events: events.slice(after), position: events.length } satisfies EventPage
      }
      default:
        if (!url.pathname.startsWith('/api/2.0/mlflow-artifacts/artifacts/')) return undefined
        await registry.held
        return readFileSync(place(url.pathname.slice('/api/2.0/mlflow-artifacts/artifacts/'.length)))
    }
  })
  const place = (path: string): string => {
    const [, version = '', , , ...rest] = path.split('/')
    return join(folder, version, ...rest)
  }
  const registry: Registry = {
    ...peer,
    generation: 1,
    held: Promise.resolve(),
    close: async () => {
      for (const wake of waiting) wake()
      await peer.close()
    },
    add: (version, files) => {
      rmSync(join(folder, version), { recursive: true, force: true })
      cpSync(files, join(folder, version), { recursive: true })
    },
    move: (alias, version) => {
      const previous = aliases.get(alias) ?? null
      if (version === null) aliases.delete(alias)
      else aliases.set(alias, version)
      const position = events.length + 1
      events.push({
        position,
        event: {
          specversion: '1.0',
          id: String(position),
          source: '/tracking',
          type: 'dev.millrace.model.alias.moved',
          time: '2013-04-01T00:00:00Z',
          subject: model,
          datacontenttype: 'application/json',
          data: { model, alias, version, previous, actor: 'test', reason: 'test' },
          projecttime: '2013-04-01T00:00:00Z',
          seq: position,
          previoushash: '',
          hash: '',
        },
      })
      for (const wake of waiting) wake()
      waiting.clear()
    },
  }
  return registry
}

export interface Features extends Peer {
  /** Each call, as it came. */
  readonly calls: GetOnlineFeaturesRequest[]
  /** With what headers. */
  readonly headers: IncomingHttpHeaders[]
  answer: (request: GetOnlineFeaturesRequest) => unknown
}

/** The features service, answering every key with its wind: the length of the key. */
export async function startFeatures(): Promise<Features> {
  const peer = await startPeer((received, url, body) => {
    if (url.pathname !== '/get-online-features') return undefined
    features.headers.push(received.headers)
    const request = JSON.parse(body) as GetOnlineFeaturesRequest
    features.calls.push(request)
    return features.answer(request)
  })
  const features: Features = {
    ...peer,
    calls: [],
    headers: [],
    answer: ({ entities }) => {
      const keys = entities['origin'] ?? []
      const column = (values: readonly unknown[]) => ({ values, statuses: values.map(() => 'PRESENT'), event_timestamps: values.map(() => '') })
      return { metadata: { feature_names: ['origin', 'weather__wind'] }, results: [column(keys), column(keys.map((key) => String(key).length))] }
    },
  }
  return features
}

export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Resolves when every deployment of the service answers. */
export async function ready(url: string): Promise<void> {
  await until(async () => (await fetch(`${url}/v2/health/ready`)).status === 200)
}

/** All records of a serving's journal. */
export async function wholeJournal(url: string): Promise<readonly JournalRecord[]> {
  const client = servingClient(createTransport(url))
  const records: JournalRecord[] = []
  for (let offset = 0; ; ) {
    const page = await client.readJournal(offset, { limitBytes: 1_000_000 })
    if (page.records.length === 0) return records
    records.push(...page.records)
    offset = page.offset
  }
}

/** How many rows of each request there are. */
export function rowsById(records: readonly JournalRecord[]): ReadonlyMap<string, number> {
  const rows = new Map<string, number>()
  for (const { id } of records) rows.set(id, (rows.get(id) ?? 0) + 1)
  return rows
}

export interface TestConfigOptions {
  readonly tracking?: string
  readonly gateway?: string
  readonly features?: string
  readonly serving?: string
  readonly workers?: number
  readonly drain?: string
  readonly grpcPort?: number
  /** The interpreter of Python models. */
  readonly python?: string
  readonly yaml?: string
}

export function testConfig(options: TestConfigOptions): ProjectConfig {
  const nobody = 'http://127.0.0.1:9'
  return parseConfig(
    projectConfigSchema,
    `project: test
services:
  tracking: {url: '${options.tracking ?? nobody}'}
  gateway: {url: '${options.gateway ?? nobody}'}
  features: {url: '${options.features ?? nobody}'}
  serving: {url: '${options.serving ?? nobody}', workers: ${options.workers ?? 1}, drain: ${options.drain ?? '0s'}${options.grpcPort === undefined ? '' : `, grpc_port: ${options.grpcPort}`}${options.python === undefined ? '' : `, python: '${options.python}'`}}
${options.yaml ?? ''}`,
    'millrace.yaml',
  )
}
