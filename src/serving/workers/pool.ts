import type { DeploymentConfig, ProjectConfig } from '../../domain/config.ts'
import { errorMessage } from '../../platform/errors/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import { backoffMs, failuresAfter } from '../../platform/supervisor/backoff.ts'
import type { ListenAddress } from '../../platform/service/index.ts'
import type { Deployment } from '../routing/deployment.ts'
import type { JournalWriter } from '../journal/journal.ts'
import { ANSWER_MS } from '../limits/stopping.ts'
import { Acceptor } from './acceptor.ts'
import { type Counting, serveJournal } from './journal-desk.ts'
import type { ModelDivision, PlacedVersion, WorkerLoad, WorkerTask } from './messages.ts'
import { LOAD_PATIENCE_MS, prepareAll } from './prepare.ts'
import { serveQuotas } from './quotas.ts'
import { WorkerProcess } from './worker-process.ts'

export interface PoolOptions {
  readonly config: ProjectConfig
  readonly projectFolder: string
  readonly folder: string
  readonly secret: string
  readonly configs: readonly DeploymentConfig[]
  /** The service's own, which count what callers use of their quotas. */
  readonly deployments: readonly Deployment[]
  readonly journal: JournalWriter
  /** Of models of which a rollout is on. */
  readonly divisions: () => readonly ModelDivision[]
  readonly counting: Counting
  /** Project time where it is simulated, milliseconds; else null. */
  readonly time: () => number | null
  readonly log: Logger
  /** Told of a worker that is about to be forgotten. */
  readonly onEnd: (worker: WorkerProcess) => void
}

/** To load all that is deployed and listen. A worker that takes longer is killed. */
const START_PATIENCE_MS = 60_000
/** What takes a worker no time: one that has not answered by then hangs. */
const ANSWER_PATIENCE_MS = 5000
/** Its answers, and then its last lines and traces. */
const STOP_PATIENCE_MS = ANSWER_MS + 3000
const STABLE_AFTER_MS = 10_000
const BACKOFF = { firstMs: 100, longestMs: 10_000 }

/** The worker processes: starts them, keeps them at the same versions, starts anew the one that dies, stops them all. */
export class WorkerPool {
  readonly #options: PoolOptions
  readonly #workers = new Set<WorkerProcess>()
  /** By model and alias. */
  readonly #placed = new Map<string, PlacedVersion>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #turn: Promise<unknown> = Promise.resolve()
  readonly #acceptor = new Acceptor(() => this.#listening())
  #service = 0
  #started = false
  #stopping = false
  restarts = 0

  constructor(options: PoolOptions) {
    this.#options = options
  }

  get workers(): readonly WorkerProcess[] {
    return [...this.#workers]
  }

  /** Resolves with the port when all workers answer at it. `service`: where the service itself listens on loopback. Throws what the first of them said that cannot; PORT_TAKEN. */
  async start(service: number, address: ListenAddress): Promise<number> {
    this.#service = service
    await Promise.all(Array.from({ length: this.#options.config.services.serving.workers }, () => this.#begin()))
    const port = await this.#acceptor.listen(address)
    this.#started = true
    return port
  }

  /**
   * Brings all workers to where an alias is about to point: all load it, then all swap. When it resolves, none answers by the old version any more; when it rejects,
   * none does by the new one. A worker that is gone meanwhile comes back with the new one.
   */
  spread(model: string, alias: string, placed: PlacedVersion | null): Promise<void> {
    const done = this.#turn.then(() => this.#spread(JSON.stringify([model, alias]), placed))
    this.#turn = done.catch(() => undefined)
    return done
  }

  /** Tells all workers where project time is now. */
  moveTime(time: number): void {
    for (const worker of this.#workers) worker.ask({ kind: 'time', time }, START_PATIENCE_MS).catch((error: unknown) => this.#giveUp(worker, error))
  }

  /** Divides a model's requests so in all workers. When it resolves, none that answers does it otherwise any more. */
  async divide(division: ModelDivision): Promise<void> {
    await this.#tellAll({ kind: 'divide', ...division })
  }

  /** What workers are at; one that hangs is left out. */
  async load(): Promise<readonly WorkerLoad[]> {
    return (await this.askAll({ kind: 'load' }, ANSWER_PATIENCE_MS)).map((answer) => answer as WorkerLoad)
  }

  /** The answers of those that listen and that answer. */
  async askAll(task: WorkerTask, patienceMs: number): Promise<readonly unknown[]> {
    const answers = await Promise.allSettled(this.#listening().map((worker) => worker.ask(task, patienceMs)))
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  }

  /** Lets each finish what it accepted. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const timer of this.#timers) clearTimeout(timer)
    await this.#acceptor.stop(ANSWER_PATIENCE_MS)
    await Promise.all([...this.#workers].map((worker) => worker.ask({ kind: 'stop' }, STOP_PATIENCE_MS).catch(() => worker.kill())))
  }

  async #spread(key: string, placed: PlacedVersion | null): Promise<void> {
    const next = new Map(this.#placed)
    if (placed) next.set(key, placed)
    else next.delete(key)
    const task = { placed: [...next.values()] }
    if (placed) await prepareAll(this.#listening(), { next: task.placed, now: [...this.#placed.values()], giveUp: (worker, error) => this.#giveUp(worker, error) })
    if (placed) this.#placed.set(key, placed)
    else this.#placed.delete(key)
    await this.#tellAll({ kind: 'commit', ...task })
  }

  /** Those that are starting have what was so before: they are told too, before they get their first connection, but not waited for. One that hangs is killed. */
  async #tellAll(task: WorkerTask): Promise<void> {
    await Promise.all(
      [...this.#workers].map(async (worker) => {
        const patience = worker.listening ? ANSWER_PATIENCE_MS : START_PATIENCE_MS + LOAD_PATIENCE_MS
        const told = worker.ask(task, patience).catch((error: unknown) => this.#giveUp(worker, error))
        if (worker.listening) await told
      }),
    )
  }

  #listening(): WorkerProcess[] {
    return [...this.#workers].filter(({ listening }) => listening)
  }

  #giveUp(worker: WorkerProcess, error: unknown): void {
    if (worker.gone) return
    this.#options.log.error({ worker: worker.pid, reason: errorMessage(error) }, 'a worker is killed')
    worker.kill()
  }

  /** Forks one and resolves when it takes connections. */
  async #begin(attempt = 0): Promise<void> {
    const { config, projectFolder, folder, secret, configs, deployments, journal, counting, divisions, time, log } = this.#options
    const worker = new WorkerProcess((_worker, how) => this.#ended(worker, how, attempt))
    this.#workers.add(worker)
    serveJournal(worker.pipe, journal, counting)
    serveQuotas(worker.quotas, deployments)
    try {
      const placed = [...this.#placed.values()]
      await worker.ask({ kind: 'start', config, projectFolder, folder, deployments: configs, placed, divisions: divisions(), service: this.#service, secret, time: time() }, START_PATIENCE_MS)
      worker.ready()
      this.#acceptor.wake()
      log.info({ worker: worker.pid }, 'a worker answers')
    } catch (error) {
      this.#giveUp(worker, error)
      throw error
    }
  }

  #ended(worker: WorkerProcess, how: string, attempt: number): void {
    this.#options.onEnd(worker)
    this.#workers.delete(worker)
    // While the service starts, it says itself that it cannot.
    if (this.#stopping || !this.#started) return
    this.restarts++
    const failures = failuresAfter(Date.now() - worker.startedAt, attempt, STABLE_AFTER_MS)
    const pause = backoffMs(failures, BACKOFF)
    this.#options.log.error({ worker: worker.pid, how, pause }, 'a worker is gone and is started anew')
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      // One that cannot start ends, and then this begins again.
      this.#begin(failures).catch((error: unknown) => this.#options.log.error({ reason: errorMessage(error) }, 'a worker could not start'))
    }, pause)
    this.#timers.add(timer)
  }
}
