import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PROJECT_HEADER } from '../../api/control.ts'
import { describeIdentity } from '../config/index.ts'
import { MillraceError, errorMessage, toMillraceError } from '../errors/index.ts'
import { makeFolder } from '../fs/index.ts'
import { RotatingFile, type RotationOptions } from '../fs/rotating-file.ts'
import { portHolder } from '../http/port-holder.ts'
import { STOP_MS } from '../service/stopping.ts'
import { backoffMs, failuresAfter } from './backoff.ts'

export interface SupervisedService {
  readonly name: string
  /** The program and its arguments: no shell is involved. */
  readonly command: readonly [string, ...string[]]
  readonly healthUrl: string
  /** Names of services that must be healthy before this one starts. */
  readonly after: readonly string[]
  /** How long its own stop may take, milliseconds; STOP_MS where it is not said. It is killed only some time after that. */
  readonly stopMs?: number
}

export interface SupervisorOptions {
  readonly folder: string
  readonly logFolder: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Milliseconds from a start to the first healthy answer. */
  readonly startTimeoutMs?: number
  readonly firstBackoffMs?: number
  readonly longestBackoffMs?: number
  readonly logs?: RotationOptions
}

export type ServiceState = 'waiting' | 'starting' | 'healthy' | 'restarting' | 'failed' | 'stopped'

export interface ServiceStatus {
  readonly name: string
  readonly state: ServiceState
  readonly pid: number | undefined
  readonly restarts: number
  readonly reason?: string
}

const HEALTH_INTERVAL_MS = 50
const HEALTH_TIMEOUT_MS = 2000
const STABLE_AFTER_MS = 10_000
/** Beyond what the service itself takes, after which it would have gone by itself. */
const STOP_MARGIN_MS = 2000
const TAIL_BYTES = 4000
/** Of each service: 80 MB at most. */
const LOGS: RotationOptions = { bytes: 16_000_000, keep: 4 }
/** A service that never became healthy gives up after so many starts: its configuration is wrong, not its luck. */
const START_ATTEMPTS = 3

/**
 * Runs services as child processes: in the order of `after`, each with a log file, restarted with exponential back-off when it dies, stopped in reverse
 * order. Emits `status` (ServiceStatus) on each change. A service that was healthy once is restarted for ever; one that never was is given up.
 */
export class Supervisor extends EventEmitter<{ status: [ServiceStatus] }> {
  readonly #services: readonly Supervised[]
  #stopping = false

  constructor(services: readonly SupervisedService[], options: SupervisorOptions) {
    super()
    makeFolder(options.logFolder)
    this.#services = services.map((service) => new Supervised(service, options, (status) => this.emit('status', status)))
  }

  /** Resolves when every service is healthy; throws SERVICE_FAILED with the last lines of the first one that gives up, after stopping the rest. */
  async start(): Promise<void> {
    const byName = new Map(this.#services.map((service) => [service.name, service]))
    const started = new Map<string, Promise<void>>()
    const start = (service: Supervised): Promise<void> => {
      const known = started.get(service.name)
      if (known) return known
      const promise = (async () => {
        for (const name of service.after) {
          const other = byName.get(name)
          if (other) await start(other)
        }
        if (!this.#stopping) await service.start()
      })()
      started.set(service.name, promise)
      return promise
    }
    const results = await Promise.allSettled(this.#services.map(start))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed) {
      await this.stop()
      throw toMillraceError(failed.reason)
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true
    for (const service of this.#services.toReversed()) await service.stop()
  }

  status(): readonly ServiceStatus[] {
    return this.#services.map((service) => service.status())
  }
}

class Supervised {
  readonly name: string
  readonly after: readonly string[]
  readonly #service: SupervisedService
  readonly #options: SupervisorOptions
  readonly #changed: (status: ServiceStatus) => void
  #child: ChildProcess | undefined
  #state: ServiceState = 'waiting'
  #reason: string | undefined
  #restarts = 0
  #stopping = false
  #stopped: Promise<void> | undefined
  #tail = ''
  readonly #log: RotatingFile

  constructor(service: SupervisedService, options: SupervisorOptions, changed: (status: ServiceStatus) => void) {
    this.name = service.name
    this.after = service.after
    this.#service = service
    this.#options = options
    this.#changed = changed
    this.#log = new RotatingFile(join(options.logFolder, `${service.name}.log`), options.logs ?? LOGS)
  }

  status(): ServiceStatus {
    return {
      name: this.name,
      state: this.#state,
      pid: this.#child?.pid,
      restarts: this.#restarts,
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
    }
  }

  async start(): Promise<void> {
    await this.#refuseStranger()
    for (let attempt = 1; ; attempt++) {
      if (this.#stopping) throw new MillraceError('CANCELLED', `${this.name} was stopped before it started`)
      this.#spawn()
      try {
        await this.#becomeHealthy()
        return
      } catch (error) {
        await this.#kill()
        this.#reason = errorMessage(error)
        // A taken port or a wrong configuration will be the same the next time.
        const hopeless = /PORT_TAKEN|CONFIG_INVALID|NOT_WRITABLE|DISK_FULL|MIGRATION_/.test(this.#tail)
        if (this.#stopping) throw error
        if (hopeless || attempt >= START_ATTEMPTS) {
          this.#set('failed')
          throw new MillraceError('SERVICE_FAILED', `${this.name} did not start: ${this.#lastLines() || this.#reason}`)
        }
        await sleep(this.#backoff(attempt))
      }
    }
  }

  /** Whoever answers before the service was started is another program, whose health says nothing of ours. */
  async #refuseStranger(): Promise<void> {
    const url = this.#service.healthUrl
    const stranger = await ask(url)
    if (stranger === undefined) return
    this.#set('failed')
    const port = Number(new URL(url).port)
    const holder = await portHolder(port)
    throw new MillraceError(
      'PORT_TAKEN',
      `port ${port} for ${this.name} is taken${holder ? ` by ${holder}` : ''}: ${stranger.project === undefined ? 'something' : `the project ${describeIdentity(stranger.project)}`} answers at ${url} already; stop it, or choose another port with MILLRACE_${this.name.toUpperCase()}_PORT`,
    )
  }

  /** Once: a start that fails stops what runs, and so does whoever asked for the start. */
  stop(): Promise<void> {
    this.#stopping = true
    this.#stopped ??= this.#kill().then(() => {
      // One that never ran, or was given up, has not been stopped.
      if (this.#state !== 'waiting' && this.#state !== 'failed') this.#set('stopped')
    })
    return this.#stopped
  }

  #spawn(): void {
    const [program, ...args] = this.#service.command
    const child = spawn(program, args, {
      cwd: this.#options.folder,
      env: { ...process.env, ...this.#options.environment },
      // The channel tells the child when this process dies; see `disconnect` in cli/serve.ts.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A process group of its own: a terminal's Ctrl-C reaches the supervisor alone, which then stops the services in their order.
      detached: true,
    })
    this.#child = child
    this.#tail = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#write(chunk)
        this.#tail = (this.#tail + chunk.toString('utf8')).slice(-TAIL_BYTES)
      })
    }
    const startedAt = Date.now()
    child.once('error', (error) => {
      this.#reason = errorMessage(error)
    })
    // Opened again by what a later child says.
    child.once('close', () => this.#log.close())
    child.once('exit', (code, signal) => {
      if (this.#child !== child) return
      this.#child = undefined
      const wasHealthy = this.#state === 'healthy'
      if (!this.#stopping && wasHealthy) {
        this.#reason = signal ? `killed by ${signal}` : `exited with ${code}`
        void this.#restart(Date.now() - startedAt)
      }
    })
    this.#set(this.#restarts === 0 ? 'starting' : 'restarting')
  }

  /** A full disk must not take the supervisor down with the log. */
  #write(chunk: Buffer): void {
    try {
      this.#log.append(chunk)
    } catch (error) {
      this.#reason = `its log cannot be written: ${errorMessage(error)}`
    }
  }

  async #restart(livedMs: number): Promise<void> {
    let attempt = failuresAfter(livedMs, 0, STABLE_AFTER_MS)
    while (!this.#stopping) {
      this.#restarts++
      this.#set('restarting')
      if (attempt > 0) await sleep(this.#backoff(attempt))
      if (this.#stopping) return
      this.#spawn()
      try {
        await this.#becomeHealthy()
        return
      } catch (error) {
        this.#reason = errorMessage(error)
        await this.#kill()
        attempt++
      }
    }
  }

  async #becomeHealthy(): Promise<void> {
    const child = this.#child
    const deadline = Date.now() + (this.#options.startTimeoutMs ?? 30_000)
    while (Date.now() < deadline) {
      if (this.#stopping) throw new MillraceError('CANCELLED', `${this.name} was stopped while it started`)
      if (child === undefined || this.#child !== child || child.exitCode !== null || child.signalCode !== null) {
        throw new MillraceError('SERVICE_FAILED', `${this.name} ended before it was healthy`)
      }
      if ((await ask(this.#service.healthUrl)) !== undefined) {
        this.#reason = undefined
        this.#set('healthy')
        return
      }
      await sleep(HEALTH_INTERVAL_MS)
    }
    throw new MillraceError('SERVICE_FAILED', `${this.name} was not healthy at ${this.#service.healthUrl} in time`)
  }

  async #kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    this.#child = undefined
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill('SIGTERM')
    await Promise.race([ended, sleep((this.#service.stopMs ?? STOP_MS) + STOP_MARGIN_MS, undefined, { ref: false })])
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await ended
    }
  }

  #backoff(attempt: number): number {
    const { firstBackoffMs = 100, longestBackoffMs = 10_000 } = this.#options
    return backoffMs(attempt, { firstMs: firstBackoffMs, longestMs: longestBackoffMs })
  }

  #lastLines(): string {
    return this.#tail
      .split('\n')
      .filter((line) => line.startsWith('millrace: '))
      .map((line) => line.slice('millrace: '.length))
      .join('\n')
  }

  #set(state: ServiceState): void {
    this.#state = state
    this.#changed(this.status())
  }
}

/**
 * Who is healthy at an address: the project it says it belongs to, if it says so; undefined where nobody is. Not the global fetch: browsers block some ports,
 * 6566 of the features service among them, and so does fetch.
 */
function ask(url: string): Promise<{ readonly project?: string } | undefined> {
  return new Promise((resolve) => {
    const asked = get(url, { timeout: HEALTH_TIMEOUT_MS, agent: false }, (response) => {
      response.resume()
      const project = response.headers[PROJECT_HEADER]
      resolve(response.statusCode === 200 ? (typeof project === 'string' ? { project } : {}) : undefined)
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve(undefined))
  })
}
