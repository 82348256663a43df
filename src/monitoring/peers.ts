import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { Execution } from '../api/pipelines.ts'
import type { ScoredRecord } from '../api/serving.ts'

export interface JournalPiece {
  readonly start: number
  readonly bytes: Buffer
}

/**
 * For tests: the answers that the monitor's neighbours give, recorded from their protocols, on one port. Layers do not import each other, so a
 * test in this layer cannot start the real services; src/e2e does.
 */
export class Peers {
  readonly versions = new Map<string, { readonly metrics: Readonly<Record<string, number>>; readonly files: Readonly<Record<string, Uint8Array>> }>()
  readonly aliases = new Map<string, string>()
  /** Moves of aliases in the order in which they were asked for. */
  readonly moves: { alias: string; version: string | null; reason: string }[] = []
  readonly executions = new Map<string, Execution>()
  onlineFeatures: string[] = []
  /** Method and path of requests that are answered 503 from now on. */
  readonly broken = new Set<string>()
  readonly #server = createServer((request, response) => void this.#answer(request, response))
  #journal: readonly JournalPiece[] = []
  #epoch = 1
  #url = ''

  get url(): string {
    return this.#url
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    this.#url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  /** Serving's journal, by what was appended at a time. To set it is what an operator does: serving is stopped, its files are others, serving is started. */
  get journalPieces(): readonly JournalPiece[] {
    return this.#journal
  }

  set journalPieces(pieces: readonly JournalPiece[]) {
    this.#journal = pieces
    this.#epoch++
  }

  journal(records: readonly ScoredRecord[]): void {
    const bytes = Buffer.from(records.map((record) => `${JSON.stringify(record).slice(0, -1)},"crc":"00000000"}\n`).join(''))
    this.#journal = [...this.#journal, { start: this.#head, bytes }]
  }

  get #head(): number {
    const last = this.#journal.at(-1)
    return last === undefined ? 0 : last.start + last.bytes.length
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.#url)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body: Readonly<Record<string, string>> = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : {}
    const route = `${request.method} ${url.pathname}`
    const json = (value: unknown, status = 200): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    }
    const missing = (what: string): void => json({ error_code: 'RESOURCE_DOES_NOT_EXIST', message: what, code: 'NOT_FOUND' }, 404)
    if (this.broken.has(route)) return json({ code: 'UNAVAILABLE', detail: 'broken on purpose' }, 503)
    const version = url.searchParams.get('version') ?? ''
    switch (route) {
      case 'GET /journal':
        return this.#answerJournal(url, response)
      case 'GET /api/2.0/mlflow/registered-models/alias': {
        const found = this.aliases.get(url.searchParams.get('alias') ?? '')
        return found === undefined
          ? json({ error_code: 'INVALID_PARAMETER_VALUE', message: 'Registered model alias x not found.', code: 'ALIAS_NOT_FOUND' }, 400)
          : json({ model_version: this.#version(found) })
      }
      case 'GET /api/2.0/mlflow/model-versions/get':
        return this.versions.has(version) ? json({ model_version: this.#version(version) }) : missing(`version ${version}`)
      case 'GET /api/2.0/mlflow/runs/get': {
        const of = (url.searchParams.get('run_id') ?? '').replace('run-', '')
        const metrics = Object.entries(this.versions.get(of)?.metrics ?? {}).map(([key, value]) => ({ key, value, timestamp: 0, step: 0 }))
        return json({ run: { info: { run_id: `run-${of}`, artifact_uri: `mlflow-artifacts:/0/run-${of}/artifacts` }, data: { metrics } } })
      }
      case 'GET /api/2.0/mlflow/model-versions/get-download-uri':
        return this.versions.has(version) ? json({ artifact_uri: `mlflow-artifacts:/0/run-${version}/artifacts/model` }) : missing(`version ${version}`)
      case 'POST /api/2.0/mlflow/registered-models/alias':
      case 'DELETE /api/2.0/mlflow/registered-models/alias': {
        const { alias = '', version: to, expected_version: expected } = body
        const now = this.aliases.get(alias)
        if (now === to) return json({})
        if (expected !== undefined && (now ?? '') !== expected) return json({ error_code: 'RESOURCE_CONFLICT', message: `${alias} is at ${now}`, code: 'CONFLICT' }, 409)
        if (to === undefined) this.aliases.delete(alias)
        else this.aliases.set(alias, to)
        this.moves.push({ alias, version: to ?? null, reason: decodeURIComponent(String(request.headers['x-millrace-reason'])) })
        return json({})
      }
      case 'GET /feature-views': {
        const views = Map.groupBy(this.onlineFeatures, (feature) => feature.split(':')[0] ?? '')
        return json({
          feature_views: [...views].map(([name, of]) => ({ name, entity: 'airport', features: of.map((feature) => feature.split(':')[1]), online: true, rows: 1 })),
        })
      }
      case 'POST /executions': {
        const { key = '', model = '', reason = '' } = body
        const known = this.executions.get(key)
        if (known) return json(known)
        const execution = { ...EXECUTION, execution_id: `e${this.executions.size + 1}`, key, model, reason }
        this.executions.set(key, execution)
        return json(execution, 201)
      }
    }
    if (route.startsWith('GET /executions/')) {
      const execution = [...this.executions.values()].find((one) => url.pathname.endsWith(`/${one.execution_id}`))
      return execution ? json(execution) : missing(url.pathname)
    }
    const artifact = /^GET \/api\/2\.0\/mlflow-artifacts\/artifacts\/0\/run-([^/]+)\/artifacts\/model\/(.+)$/.exec(route)
    const file = artifact && this.versions.get(artifact[1] ?? '')?.files[artifact[2] ?? '']
    if (file) return void response.writeHead(200).end(file)
    return missing(route)
  }

  #answerJournal(url: URL, response: ServerResponse): void {
    const after = Number(url.searchParams.get('after'))
    const answer = (): void => {
      const headers = { 'x-millrace-journal-epoch': this.#epoch, 'x-millrace-journal-tail': this.#journal[0]?.start ?? 0, 'x-millrace-journal-head': this.#head }
      const lines = this.#linesAfter(after, Number(url.searchParams.get('limit')))
      if (lines === null) return void response.writeHead(400, headers).end('{"detail":"not the offset of a line"}')
      response.writeHead(200, { ...headers, 'content-type': 'application/x-ndjson', 'x-millrace-journal-offset': after + lines.length }).end(lines)
    }
    if (after < this.#head || url.searchParams.get('wait') === '0') answer()
    else setTimeout(answer, 20)
  }

  /** null for an offset at which no line begins. */
  #linesAfter(after: number, limit: number): Buffer | null {
    if (after === this.#head) return Buffer.alloc(0)
    const piece = this.#journal.findLast(({ start }) => start <= after)
    const from = after - (piece?.start ?? 0)
    if (!piece || from > piece.bytes.length || (from > 0 && piece.bytes[from - 1] !== 10)) return null
    let end = Math.min(piece.bytes.length, from + limit)
    while (end < piece.bytes.length && piece.bytes[end - 1] !== 10) end++
    return piece.bytes.subarray(from, end)
  }

  #version(version: string) {
    return { name: 'flight-delay', version, run_id: `run-${version}`, source: `runs:/run-${version}/model` }
  }
}

const EXECUTION: Execution = {
  execution_id: '', key: '', model: '', reason: '', state: 'running', commit: '', result_commit: null, data: {}, stages: [], run_id: null, version: null, unchanged: null,
  error: null, created_at: '', started_at: null, ended_at: null,
}
