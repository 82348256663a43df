import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { KeyValue, Metric, ModelVersion, Run } from '../../../api/tracking.ts'

/**
 * A stand-in for a tracking server in tests of this layer, which may not import the training layer: the few calls of MLflow's REST API that logging uses, in
 * memory. What it promises beyond that, conformance and end-to-end tests ask of the real one.
 */
export interface FakeTracking {
  readonly url: string
  readonly runs: readonly LoggedRun[]
  readonly versions: readonly ModelVersion[]
  /** Artifacts by run id and path. */
  readonly artifacts: ReadonlyMap<string, Buffer>
  /** `MODEL@ALIAS` → version, as somebody else set them. */
  readonly aliases: Map<string, string>
  /** From now on the server answers 503, until set back. */
  away: boolean
  readonly close: () => Promise<void>
}

interface LoggedRun {
  info: Run['info']
  readonly params: Map<string, string>
  readonly metrics: Map<string, Metric>
  readonly tags: Map<string, string>
}

interface Body {
  readonly [key: string]: unknown
  readonly tags?: readonly KeyValue[]
  readonly params?: readonly KeyValue[]
  readonly metrics?: readonly Metric[]
}

export async function startFakeTracking(): Promise<FakeTracking> {
  const runs: LoggedRun[] = []
  const versions: ModelVersion[] = []
  const models = new Set<string>()
  const experiments = new Map<string, string>()
  const artifacts = new Map<string, Buffer>()
  const aliases = new Map<string, string>()
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  const runOf = (id: unknown): LoggedRun => runs.find(({ info }) => info.run_id === id) ?? fail('NOT_FOUND')
  const present = ({ info, params, tags }: LoggedRun) => ({ info, data: { params: [...params], tags: [...tags], metrics: [] } })

  const calls: Readonly<Record<string, (body: Body, query: URLSearchParams) => unknown>> = {
    'experiments/get-by-name': (_, query) => {
      const id = experiments.get(query.get('experiment_name') ?? '')
      return id === undefined ? fail('NOT_FOUND') : { experiment: { experiment_id: id } }
    },
    'experiments/create': ({ name }) => {
      if (experiments.has(text(name))) fail('ALREADY_EXISTS')
      experiments.set(text(name), String(experiments.size + 1))
      return { experiment_id: experiments.get(text(name)) }
    },
    'runs/search': ({ filter }) => {
      const [, key = '', value = ''] = /^tags\.`(.*)` = '(.*)'$/.exec(text(filter)) ?? []
      return { runs: runs.filter(({ tags }) => tags.get(key) === value).map(present) }
    },
    'runs/get': (_, query) => ({ run: present(runOf(query.get('run_id'))) }),
    'registered-models/get': (_, query) => ({ registered_model: { name: query.get('name') } }),
    'runs/create': ({ experiment_id: experiment, start_time: start, run_name: name, tags }) => {
      const id = `run${runs.length + 1}`
      const info = {
        run_id: id, run_uuid: id, run_name: text(name), experiment_id: text(experiment), user_id: '', status: 'RUNNING', start_time: Number(start),
        artifact_uri: `mlflow-artifacts:/${text(experiment)}/${id}/artifacts`, lifecycle_stage: 'active',
      } as const
      const run: LoggedRun = { info, params: new Map(), metrics: new Map(), tags: new Map(tags?.map(({ key, value }) => [key, value])) }
      runs.push(run)
      return { run: present(run) }
    },
    'runs/log-batch': ({ run_id: id, params, metrics, tags }) => {
      const run = runOf(id)
      for (const { key, value } of params ?? []) run.params.set(key, value)
      for (const { key, value } of tags ?? []) run.tags.set(key, value)
      for (const metric of metrics ?? []) run.metrics.set(JSON.stringify([metric.key, metric.step, metric.timestamp, metric.value]), metric)
      return {}
    },
    'runs/update': ({ run_id: id }) => {
      const run = runOf(id)
      run.info = { ...run.info, status: 'FINISHED' }
      return { run_info: run.info }
    },
    'registered-models/create': ({ name }) => {
      if (models.has(text(name))) fail('ALREADY_EXISTS')
      models.add(text(name))
      return {}
    },
    'registered-models/alias': (_, query) => {
      const version = aliases.get(`${query.get('name')}@${query.get('alias')}`)
      return { model_version: versions.find((one) => one.name === query.get('name') && one.version === version) ?? fail('ALIAS_NOT_FOUND') }
    },
    'model-versions/search': (_, query) => ({ model_versions: versions.filter(({ name, run_id: run }) => `name = '${name}' AND run_id = '${run}'` === query.get('filter')) }),
    'model-versions/create': ({ name, source, run_id: run, tags }) => {
      const version = String(versions.filter((other) => other.name === name).length + 1)
      versions.push({
        name: text(name), version, source: text(source), run_id: text(run), tags: tags ?? [], aliases: [], status: 'READY', current_stage: 'None',
        creation_timestamp: 0, last_updated_timestamp: 0,
      })
      return { model_version: versions.at(-1) }
    },
  }

  const state = { away: false }
  const answer = (response: ServerResponse, status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(Buffer.from(chunk))
    if (state.away) return answer(response, 503, { error_code: 'TEMPORARILY_UNAVAILABLE' })
    const url = new URL(request.url ?? '/', 'http://fake')
    const artifact = /^\/api\/2\.0\/mlflow-artifacts\/artifacts\/[^/]+\/(.*)$/.exec(url.pathname)?.[1]
    if (artifact !== undefined) {
      artifacts.set(decodeURIComponent(artifact).replace('/artifacts/', '/'), Buffer.concat(chunks))
      return answer(response, 200, {})
    }
    const body: Body = chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString())
    const call = calls[url.pathname.replace('/api/2.0/mlflow/', '')]
    if (!call) return answer(response, 404, { error_code: 'ENDPOINT_NOT_FOUND', message: url.pathname })
    try {
      answer(response, 200, call(body, url.searchParams))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      answer(response, 400, { code: error.message, message: error.message })
    }
  }
  const server = createServer((request, response) => {
    take(request, response).catch((error: unknown) => answer(response, 500, { error_code: 'INTERNAL_ERROR', message: String(error) }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    runs,
    versions,
    artifacts,
    aliases,
    get away() {
      return state.away
    },
    set away(value) {
      state.away = value
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

class Refusal extends Error {}

function fail(code: string): never {
  throw new Refusal(code)
}
