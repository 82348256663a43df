import cluster, { type Worker as ClusterWorker } from 'node:cluster'
import { getCompileCacheDir } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { Duplex } from 'node:stream'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import { type FromWorker, JOURNAL_FD, type ToWorker, type WorkerTask } from './messages.ts'

interface Call {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: MillraceError) => void
  readonly timer: NodeJS.Timeout
}

/** The program of a worker, beside this file: source where this is source, built where this was built. */
const PROGRAM = join(import.meta.dirname, `process${extname(import.meta.filename)}`)

/** A worker as the service sees it: a process that is told tasks, and that may be gone at any moment. */
export class WorkerProcess {
  /** Lines for the journal come through it. */
  readonly pipe: Duplex
  readonly startedAt = Date.now()
  readonly #worker: ClusterWorker
  readonly #calls = new Map<number, Call>()
  #number = 0
  /** Whether it listens: only then does a swap wait for it. */
  listening = false
  gone = false

  constructor(onExit: (worker: WorkerProcess, how: string) => void) {
    // The settings belong to the whole process, so they are set anew before each fork. Connections are dealt out one by one: see docs/decisions.
    cluster.schedulingPolicy = cluster.SCHED_RR
    cluster.setupPrimary({ exec: PROGRAM, args: [], execArgv: ['--disable-warning=ExperimentalWarning'], serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'] })
    const cache = getCompileCacheDir()
    this.#worker = cluster.fork(cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) })
    const pipe = this.#worker.process.stdio[JOURNAL_FD]
    if (!(pipe instanceof Duplex)) throw new MillraceError('INTERNAL', 'a worker has no pipe for the journal')
    this.pipe = pipe
    this.#worker.on('message', (message: FromWorker) => this.#answered(message))
    const ended = (how: string): void => {
      if (this.gone) return
      this.gone = true
      this.listening = false
      for (const number of this.#calls.keys()) this.#take(number)?.reject(new MillraceError('UNAVAILABLE', `a worker of serving ${how}`))
      onExit(this, how)
    }
    this.#worker.process.once('exit', (code, signal) => ended(signal === null ? `ended with ${code}` : `was killed by ${signal}`))
    // One that could not be forked never exits; of one that runs, only a message was lost.
    this.#worker.process.on('error', (error) => (this.pid === undefined ? ended(errorMessage(error)) : undefined))
  }

  get pid(): number | undefined {
    return this.#worker.process.pid
  }

  /** Resolves with the answer to a task. Rejects with the worker's own error, or UNAVAILABLE where it is gone, or says nothing for `patienceMs`. */
  ask(task: WorkerTask, patienceMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.gone || !this.#worker.isConnected()) return reject(new MillraceError('UNAVAILABLE', 'a worker of serving is gone'))
      const call = this.#number++
      const timer = setTimeout(() => this.#take(call)?.reject(new MillraceError('UNAVAILABLE', `a worker of serving did not ${task.kind} within ${patienceMs / 1000} s`)), patienceMs)
      this.#calls.set(call, { resolve, reject, timer })
      const message: ToWorker = { call, task }
      this.#worker.send(message, (error) => {
        if (error) this.#take(call)?.reject(new MillraceError('UNAVAILABLE', 'a worker of serving cannot be reached', { cause: error }))
      })
    })
  }

  kill(): void {
    this.#worker.process.kill('SIGKILL')
  }

  #answered({ call, answer, error }: FromWorker): void {
    const waiting = this.#take(call)
    if (error) waiting?.reject(new MillraceError(error.code, error.message))
    else waiting?.resolve(answer)
  }

  #take(number: number): Call | undefined {
    const call = this.#calls.get(number)
    this.#calls.delete(number)
    clearTimeout(call?.timer)
    return call
  }
}
