import { join } from 'node:path'
import type { Transaction } from 'kysely'
import type { EventType, LoggedEvent } from '../../api/events.ts'
import { type Clock, SimulatedClock, wallClock } from '../clock/index.ts'
import { type BaseConfig, type ServiceName, databaseUrl, projectIdentity, serviceFolder, serviceUrl } from '../config/index.ts'
import { lockFolder } from '../db/folder-lock.ts'
import { type Database, type Migration, openDatabase } from '../db/index.ts'
import { type Follower, followEvents } from '../events/follow.ts'
import { type EventsSchema, Outbox } from '../events/outbox.ts'
import { makeFolder } from '../fs/index.ts'
import { type DescribeMore, type DoorOptions, type HttpServer, type RequestTaker, type WholeRequestTaker, createHttpServer, listen } from '../http/index.ts'
import { type Logger, createLogger } from '../log/index.ts'
import { type Registry, createMetrics } from '../metrics/index.ts'
import { type Tracing, openTracing } from '../tracing/index.ts'
import { VERSION } from '../version.ts'
import { eventLogAt } from './event-log.ts'
import { registerControlRoutes } from './control.ts'
import { STOP_MS } from './stopping.ts'

/** What a service is: its tables, and how it starts. Each layer exports one per service it runs. */
export interface ServiceDefinition<S extends EventsSchema, C extends BaseConfig> {
  readonly name: ServiceName
  /** In order; one of them is `{ name: …, up: createEventsTables }`. */
  readonly migrations: readonly Migration[]
  /** Whether it writes files in its folder that are one process's alone: a second is then refused at its start, whatever database it has. */
  readonly ownsFolder?: boolean
  /** See HttpOptions.longBodies. */
  readonly longBodies?: boolean
  /** How long its stop may take, milliseconds; STOP_MS where it is not said. Whoever supervises it has to be told the same. */
  readonly stopMs?: (config: C) => number
  /** Registers routes on `context.http` and starts what runs in the background. The server listens after it resolves. */
  readonly start: (context: ServiceContext<S, C>) => Promise<ServiceInstance>
}

export interface ServiceInstance {
  /** What is due at the present project time and not yet done, in words; empty when the service has caught up. */
  readonly waitingFor: () => Promise<readonly string[]>
  /** Listens in the kit's stead, for a service whose port other processes answer; resolves with that port. */
  readonly listen?: (address: ListenAddress) => Promise<number>
}

export interface ListenAddress {
  readonly host: string
  /** 0: one of the system's choice. */
  readonly port: number
}

export interface ServiceContext<S extends EventsSchema, C extends BaseConfig> {
  readonly name: ServiceName
  readonly config: C
  /** The project: a Git repository with millrace.yaml. */
  readonly projectFolder: string
  /** This service's own folder below the project's state; exists. */
  readonly folder: string
  readonly db: Database<S>
  readonly outbox: Outbox
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Registry
  readonly http: HttpServer
  /** Null where nobody asked for traces. */
  readonly tracing: Tracing | null
  /** Lets a hot path answer on the bare server before Fastify sees the request. */
  readonly take: (taker: RequestTaker, whole: WholeRequestTaker, door?: DoorOptions) => void
  /** What `GET /metrics` answers in place of `metrics`' own text, where several processes have a part in it. */
  readonly report: (metrics: () => Promise<string>) => void
  /** What the OpenAPI document says beside the routes, made with each request of it. */
  readonly describe: (more: DescribeMore) => void
  /** Address of another service. */
  readonly url: (service: ServiceName) => string
  /**
   * Told of each thing that runs or is open, as soon as it is: `stop` finishes what it accepted and closes it. Those told of last are stopped first, and all before the kit
   * closes what it opened itself, server and database among it; also where a later step of the start fails, or the port is taken. One that throws keeps no other from it.
   */
  readonly onStop: (stop: () => Promise<void> | void) => void
  /** Called with the new project time each time a driver moves it. Never called when the clock is not simulated. */
  readonly onClockMove: (listener: (now: Date) => void) => void
  /** Follows the event log under a durable position; stopped, and asked for the watermark, by the kit. */
  readonly follow: (subscriber: string, types: readonly EventType[], handle: (event: LoggedEvent, trx: Transaction<S>) => Promise<void>) => void
}

export interface RunningService {
  readonly name: ServiceName
  readonly port: number
  /** How long `stop` may take, milliseconds: then whoever waits for it is right to go. */
  readonly stopMs: number
  readonly stop: () => Promise<void>
}

export interface RunOptions {
  readonly projectFolder: string
  /** Overrides the configured port; 0 asks the system for one (tests). */
  readonly port?: number
  /** Overrides the configured database, for a service that runs alone: `sqlite:PATH` or `postgresql://…`. */
  readonly database?: string
  readonly log?: Logger
  /** Takes the place of what the environment asks for. */
  readonly tracing?: Tracing
}

/** Opens the database, builds the server, starts the service and listens. What was opened and started is stopped again if a later step fails. */
export async function runService<S extends EventsSchema, C extends BaseConfig>(
  definition: ServiceDefinition<S, C>,
  config: C,
  options: RunOptions,
): Promise<RunningService> {
  const { name } = definition
  const log = options.log ?? createLogger(name)
  const folder = serviceFolder(config, options.projectFolder, name)
  makeFolder(folder)
  const project = projectIdentity(config, options.projectFolder)
  const cleanups: (() => Promise<void>)[] = []
  const cleanUp = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).reverse()) {
      await cleanup().catch((error: unknown) => log.error({ err: error }, 'stopping: one part failed to close'))
    }
  }
  try {
    if (definition.ownsFolder === true) {
      const unlock = lockFolder(folder, name)
      cleanups.push(async () => unlock())
    }
    const tracing = options.tracing ?? (await openTracing({ service: `millrace-${name}`, project: config.project, version: VERSION, log }))
    cleanups.push(async () => tracing?.stop())
    const db = await openDatabase<S>({
      url: options.database ?? databaseUrl(config, options.projectFolder, name),
      schema: name,
      migrations: definition.migrations,
      durability: config.durability,
    })
    cleanups.push(() => db.close())
    const clock = openClock(config, folder)
    const metrics = createMetrics(name)
    const { http, take, report, describe } = await createHttpServer({
      service: name,
      project,
      version: VERSION,
      log,
      metrics,
      bodyLimit: config.http.body_limit,
      allowedHosts: config.http.allowed_hosts,
      longBodies: definition.longBodies === true,
      tracing,
    })
    cleanups.push(() => http.close())
    const outbox = new Outbox(eventsDatabase(db), name, clock)
    const waits: (() => Promise<readonly string[]>)[] = []
    const followers: Follower[] = []
    cleanups.push(async () => void (await Promise.all(followers.map((follower) => follower.stop()))))
    const eventLog = eventLogAt(() => serviceUrl(config, 'gateway'))
    const context: ServiceContext<S, C> = {
      name,
      config,
      projectFolder: options.projectFolder,
      folder,
      db,
      outbox,
      clock,
      log,
      metrics,
      http,
      tracing,
      take,
      report,
      describe,
      url: (service) => serviceUrl(config, service),
      onClockMove: (listener) => {
        if (clock instanceof SimulatedClock) clock.onMove(listener)
      },
      follow: (subscriber, types, handle) => {
        const follower = followEvents({ subscriber, types, db, log, handle, ...eventLog })
        waits.push(() => follower.waitingFor())
        followers.push(follower)
      },
      onStop: (stop) => void cleanups.push(async () => stop()),
    }
    const instance = await definition.start(context)
    waits.push(instance.waitingFor)
    await registerControlRoutes(http, { name, project, outbox, clock, waitingFor: async () => (await Promise.all(waits.map((wait) => wait()))).flat() })
    const address = { host: config.services[name].host, port: options.port ?? config.services[name].port }
    const port = instance.listen ? await instance.listen(address) : await listen(http, name, address.host, address.port)
    log.info({ port }, `${name} answers`)
    return { name, port, stopMs: definition.stopMs?.(config) ?? STOP_MS, stop: cleanUp }
  } catch (error) {
    await cleanUp()
    throw error
  }
}

function openClock(config: BaseConfig, folder: string): Clock {
  return config.clock === 'wall' ? wallClock : new SimulatedClock(new Date(config.clock.simulated), join(folder, 'project-time'))
}

/** See `eventTables` in events/follow.ts: a database that knows more tables can do all that one knowing fewer can. */
function eventsDatabase<S extends EventsSchema>(db: Database<S>): Database<EventsSchema> {
  return db as Database<EventsSchema | S> as Database<EventsSchema>
}
