import { type ChildProcess, fork } from 'node:child_process'
import type { Socket } from 'node:net'
import { extname, join } from 'node:path'
import { Duplex } from 'node:stream'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import { type FromWorker, JOURNAL_FD, QUOTA_FD, type ToWorker, type WorkerTask } from './messages.ts'

interface Call {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: MillraceError) => void
  readonly timer: NodeJS.Timeout
}

const LAST_WORD_MS = 1000

/** The program of a worker, beside this file: source where this is source, built where this was built. */
const PROGRAM = join(import.meta.dirname, `process${extname(import.meta.filename)}`)

/** A worker as the service sees it: a process that is told tasks, and that may be gone at any moment. */
export class WorkerProcess {
  /** Lines for the journal come through it. */
  readonly pipe: Duplex
  /** And questions about quotas. */
  readonly quotas: Duplex
  readonly startedAt = Date.now()
  readonly #child: ChildProcess
  readonly #calls = new Map<number, Call>()
  readonly #handed = new Map<number, (taken: boolean) => void>()
  #number = 0
  #ready = false
  gone = false

  constructor(onExit: (worker: WorkerProcess, how: string) => void) {
    this.#child = fork(PROGRAM, [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe', 'pipe'],
    })
    this.pipe = pipeOf(this.#child, JOURNAL_FD)
    this.quotas = pipeOf(this.#child, QUOTA_FD)
    this.#child.on('message', (message: FromWorker) => this.#heard(message))
    const ended = (how: string): void => {
      if (this.gone) return
      this.gone = true
      for (const number of this.#calls.keys()) this.#take(number)?.reject(new MillraceError('UNAVAILABLE', `a worker of serving ${how}`))
      onExit(this, how)
      this.#returnAll()
    }
    this.#child.once('exit', (code, signal) => ended(signal === null ? `ended with ${code}` : `was killed by ${signal}`))
    // One that could not be forked never exits; of one that runs, only a message was lost.
    this.#child.on('error', (error) => {
      if (this.pid !== undefined) return
      ended(errorMessage(error))
    })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Whether it takes connections: only then does a swap wait for it. Its channel ends before its exit is known. */
  get listening(): boolean {
    return this.#ready && !this.gone && this.#child.connected
  }

  /** Connections on their way to it. */
  get arriving(): number {
    return this.#handed.size
  }

  /** Hands a connection over and resolves with true when the worker has it; with false when it is gone and has read nothing of it. */
  hand(socket: Socket): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.gone || !this.#child.connected) return resolve(false)
      const connection = this.#number++
      this.#handed.set(connection, resolve)
      const message: ToWorker = { connection }
      this.#child.send(message, socket, { keepOpen: true }, (error) => {
        if (error) this.#settle(connection, false)
      })
    })
  }

  /** Resolves with the answer to a task. Rejects with the worker's own error, or UNAVAILABLE where it is gone, or says nothing for `patienceMs`. */
  ask(task: WorkerTask, patienceMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.gone || !this.#child.connected) return reject(new MillraceError('UNAVAILABLE', 'a worker of serving is gone'))
      const call = this.#number++
      const timer = setTimeout(() => this.#take(call)?.reject(new MillraceError('UNAVAILABLE', `a worker of serving did not ${task.kind} within ${patienceMs / 1000} s`)), patienceMs)
      this.#calls.set(call, { resolve, reject, timer })
      const message: ToWorker = { call, task }
      this.#child.send(message, (error) => {
        if (error) this.#take(call)?.reject(new MillraceError('UNAVAILABLE', 'a worker of serving cannot be reached', { cause: error }))
      })
    })
  }

  /** It has started: from now on it takes connections. */
  ready(): void {
    this.#ready = true
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #heard(message: FromWorker): void {
    if ('accepted' in message) return this.#settle(message.accepted, true)
    if ('leaving' in message) return this.#leave()
    const { call, answer, error } = message
    const waiting = this.#take(call)
    if (error) waiting?.reject(new MillraceError(error.code, error.message))
    else waiting?.resolve(answer)
  }

  /** Somebody told it alone to stop: it gets no more connections, and then may. Nobody waits for it, so that even callers that are slow to send on a busy machine have the time. */
  #leave(): void {
    this.#ready = false
    this.#child.send({ call: this.#number++, task: { kind: 'stop', lastWordMs: LAST_WORD_MS } } satisfies ToWorker)
  }

  #settle(connection: number, taken: boolean): void {
    this.#handed.get(connection)?.(taken)
    this.#handed.delete(connection)
  }

  /**
   * Once all that it said has been heard: of a connection that it did not speak of it has read nothing. Node tells of the end of the channel only by `connected`, for it
   * emits no `disconnect` while a connection is on its way.
   */
  #returnAll(): void {
    if (this.#child.connected) return void setImmediate(() => this.#returnAll())
    setImmediate(() => this.#returnNow())
  }

  #returnNow(): void {
    for (const connection of this.#handed.keys()) this.#settle(connection, false)
  }

  #take(number: number): Call | undefined {
    const call = this.#calls.get(number)
    this.#calls.delete(number)
    clearTimeout(call?.timer)
    return call
  }
}

function pipeOf(child: ChildProcess, fd: number): Duplex {
  const pipe = child.stdio[fd]
  if (pipe instanceof Duplex) return pipe
  throw new MillraceError('INTERNAL', `a worker has no pipe ${fd}`)
}
