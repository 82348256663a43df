import { type Server, createServer } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { Clock } from '../../platform/clock/index.ts'
import { serviceUrl } from '../../platform/config/index.ts'
import { createHostCheck, openDoor } from '../../platform/http/index.ts'
import { type Logger, createLogger } from '../../platform/log/index.ts'
import { createMetrics } from '../../platform/metrics/index.ts'
import type { Tracing } from '../../platform/tracing/index.ts'
import { bodyLimitsOf, busyPollOf, drain, makeDeployments } from '../deployments.ts'
import { createHotPath } from '../protocols/hot-path.ts'
import { recentRecords } from '../journal/recent.ts'
import { Lifecycle } from '../limits/lifecycle.ts'
import { ANSWER_MS } from '../limits/stopping.ts'
import type { Deployment } from '../routing/deployment.ts'
import { Locator } from '../routing/locate.ts'
import { readArtifact } from '../runtime/artifact.ts'
import { LoadedModel } from '../runtime/model.ts'
import { ServingMetrics } from '../runtime/metrics.ts'
import { DataPlane } from '../runtime/plane.ts'
import { Presence, REMEMBERED, REMEMBERED_MS } from '../runtime/presence.ts'
import { type Forwarder, createForwarder } from './forward.ts'
import { isLocal } from './local.ts'
import type { Counts } from './frames.ts'
import type { ModelDivision, PlacedVersion, WorkerLoad, WorkerTask } from './messages.ts'
import { QuotaLine, remoteQuota } from './quotas.ts'
import { RemoteArms } from './remote-arms.ts'
import { RemoteJournal } from './remote-journal.ts'

type Start = Extract<WorkerTask, { readonly kind: 'start' }>

/** As the base of every service has it; see platform/http. */
const SERVER = { keepAliveTimeout: 65_000, requestTimeout: 300_000 }
const TELL_EVERY_MS = 200

/** The data plane in a process of its own: predictions by the versions that it was told to have, journaled by the service. */
export class Worker {
  readonly #task: Start
  readonly #tracing: Tracing | null
  readonly #log: Logger
  readonly #registry = createMetrics('serving')
  readonly #metrics: ServingMetrics
  readonly #deployments: readonly Deployment[]
  readonly #server: Server
  readonly #forwarder: Forwarder
  readonly #journal: RemoteJournal
  readonly #plane: DataPlane
  readonly #lifecycle = new Lifecycle()
  readonly #sockets = new Set<Socket>()
  #time: number
  readonly #arms: RemoteArms
  readonly #telling: NodeJS.Timeout
  /** By `keyOf`: those that answer, and those that are ready to. */
  #models = new Map<string, LoadedModel>()
  #stopping: Promise<void> | undefined

  constructor(task: Start, pipe: Socket, questions: Socket, tracing: Tracing | null) {
    this.#tracing = tracing
    const { config, service, secret, projectFolder, folder } = task
    this.#task = task
    this.#time = task.time ?? 0
    this.#log = createLogger('serving').child({ worker: process.pid })
    const gauges = {
      queues: () => this.#deployments.map(({ name, waiting, waitingBytes }) => ({ model: name, waiting, waitingBytes, callers: 0 })),
      live: () => [],
      journalHead: () => 0,
    }
    // Longer than the service, which decides what is told: what workers counted of a version is told until that forgets it, never in part.
    this.#metrics = new ServingMetrics(this.#registry, gauges, new Presence({ rememberedMs: 2 * REMEMBERED_MS, remembered: 2 * REMEMBERED }))
    const log = this.#log
    this.#deployments = makeDeployments(task.deployments, { url: (name) => serviceUrl(config, name), log, metrics: this.#metrics, projectFolder, folder })
    const quotas = new QuotaLine(questions)
    for (const one of this.#deployments) if (one.quota) one.quota = remoteQuota(one.name, one.quota, quotas)
    this.#journal = new RemoteJournal(pipe, () => this.#takeCounts())
    this.#arms = new RemoteArms(() => this.#journal.report())
    for (const division of task.divisions) this.#divide(division)
    this.#telling = setInterval(() => this.#tell(), TELL_EVERY_MS).unref()
    this.#plane = new DataPlane(this.#journal, this.#metrics, log, tracing !== null)
    const clock: Clock = task.time === null ? { simulated: false, wall: () => new Date(), project: () => new Date() } : { simulated: true, wall: () => new Date(), project: () => new Date(this.#time) }
    const locator = new Locator(this.#deployments)
    const hotPath = createHotPath({
      plane: this.#plane,
      deployments: this.#deployments,
      locate: (model, reference) => locator.locate(model, reference),
      addressOf: ({ socket }) => socket.remoteAddress,
      clock,
      metrics: this.#metrics,
      log,
      bodyLimits: bodyLimitsOf(config),
      hostAllowed: createHostCheck(config.http.allowed_hosts),
      lifecycle: this.#lifecycle,
      tracing,
    })
    const local = isLocal(this.#deployments)
    this.#forwarder = createForwarder(service, secret, this.#lifecycle)
    this.#server = createServer(SERVER, (request, response) => {
      if (!local(request) || !hotPath.take(request, response)) this.#forwarder.forward(request, response)
    })
    openDoor(this.#server, (request, answer) => local(request) && hotPath.takeWhole(request, answer), { busyPollMs: busyPollOf(config) })
  }

  /** Resolves once all versions are loaded. */
  async start(): Promise<void> {
    await this.#commit(this.#task.placed)
    // It has no port of its own, and node:http watches the time of requests only once it listens.
    this.#server.emit('listening')
  }

  /** A connection at the service's port, of which nothing was read. */
  accept(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    this.#server.emit('connection', socket)
  }

  async perform(task: Exclude<WorkerTask, Start>): Promise<unknown> {
    switch (task.kind) {
      case 'prepare':
        return this.#load(task.placed)
      case 'commit':
        return this.#commit(task.placed)
      case 'divide':
        return this.#divide(task)
      case 'time':
        this.#time = task.time
        return
      case 'load':
        return { waiting: this.#waiting(), shadowing: this.#deployments.flatMap(({ name, shadowing }) => (shadowing > 0 ? [name] : [])) } satisfies WorkerLoad
      case 'metrics':
        return this.#registry.getMetricsAsJSON()
      case 'stop':
        return this.stop(task.lastWordMs)
    }
  }

  /** Accepts nothing new; resolves when what was accepted has its answer. */
  stop(lastWordMs?: number): Promise<void> {
    return (this.#stopping ??= this.#drain(lastWordMs))
  }

  async #drain(lastWordMs: number | undefined): Promise<void> {
    await this.#lifecycle.leave({ close: () => undefined, connections: async () => this.#sockets.size }, lastWordMs)
    const deadline = Date.now() + ANSWER_MS
    await drain(this.#lifecycle, this.#deployments, deadline)
    this.#plane.flush()
    await this.#journal.settled()
    clearInterval(this.#telling)
    this.#tell()
    await this.#journal.settled()
    while (this.#forwarder.waiting > 0 && Date.now() < deadline) await pause()
    // Answers that were just written are still on their way out of this process; who waits for news of the journal may ask again.
    await pause()
    this.#forwarder.close()
    await this.#tracing?.stop()
    this.#server.closeIdleConnections()
  }

  async #load(placed: readonly PlacedVersion[]): Promise<void> {
    for (const one of placed) {
      if (this.#models.has(keyOf(one))) continue
      const started = performance.now()
      const options = { ...this.#find(one.model)?.loading, ...one.options, recorded: () => recentRecords(join(this.#task.folder, 'journal'), one.model) }
      const load = async () => LoadedModel.load(one.model, one.version, readArtifact(one.folder, options.file), options)
      const model = await load().catch((reason: unknown) => {
        this.#log.error({ model: one.model, version: one.version, err: reason }, 'a worker cannot load a version')
        throw reason
      })
      this.#models.set(keyOf(one), model)
      this.#metrics.loaded(one.model, one.version, (performance.now() - started) / 1000)
    }
  }

  async #commit(placed: readonly PlacedVersion[]): Promise<void> {
    await this.#load(placed)
    for (const deployment of this.#deployments) {
      for (const slot of deployment.slots) {
        const one = placed.find(({ model, alias }) => model === slot.model && alias === slot.alias)
        slot.live = (one && this.#models.get(keyOf(one))) ?? null
      }
      deployment.refresh()
    }
    const kept = new Set(placed.map(keyOf))
    for (const [key, model] of this.#models) {
      if (kept.has(key)) continue
      this.#models.delete(key)
      model.retire()
      if (![...this.#models.values()].some(({ name, version }) => name === model.name && version === model.version)) this.#metrics.unloaded(model.name, model.version)
    }
  }

  #find(model: string): Deployment | undefined {
    return this.#deployments.find(({ name }) => name === model)
  }

  #waiting(): number {
    return this.#deployments.reduce((sum, { waiting, shadowing }) => sum + waiting + shadowing, this.#forwarder.waiting)
  }

  #divide({ model, division }: ModelDivision): void {
    const deployment = this.#find(model)
    const rollout = this.#task.deployments.find((one) => one.model === model)?.rollout
    if (deployment) deployment.split = division && rollout ? this.#arms.split(deployment, rollout, division) : null
  }

  /** What was counted after the lines of its requests had gone. */
  #tell(): void {
    if (this.#arms.counted || this.#metrics.agreements.fresh) this.#journal.report()
  }

  #takeCounts(): Counts {
    const arms = this.#arms.take()
    const agreements = this.#metrics.agreements.take()
    return { tally: this.#takeTally(), ...(arms.length > 0 ? { arms } : {}), ...(agreements.length > 0 ? { agreements } : {}) }
  }

  #takeTally(): Record<string, number> {
    const tally: Record<string, number> = {}
    for (const deployment of this.#deployments) {
      if (deployment.predictions > 0) tally[deployment.name] = deployment.predictions
      deployment.predictions = 0
    }
    return tally
  }
}

function keyOf({ model, version, identity }: PlacedVersion): string {
  return JSON.stringify([model, version, identity])
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5))
}
