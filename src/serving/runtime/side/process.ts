import { type ChildProcess, spawn } from 'node:child_process'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Transport, createTransport } from '../../../../sdk/http.ts'
import { MillraceError, errorMessage } from '../../../platform/errors/index.ts'
import type { Logger } from '../../../platform/log/index.ts'
import { backoffMs, failuresAfter } from '../../../platform/supervisor/backoff.ts'
import { residentBytes } from './memory.ts'

export interface SideProcessOptions {
  /** For messages: `price version 3`. */
  readonly name: string
  /** Program and arguments; it writes its port to file descriptor 3, and goes when its standard input ends. */
  readonly command: readonly [string, ...string[]]
  readonly environment: NodeJS.ProcessEnv
  readonly log: Logger
  readonly startTimeoutMs?: number
  readonly requestTimeoutMs?: number
  readonly firstPauseMs?: number
}

/** MLflow's scoring server with scikit-learn, where nothing tells what a process takes. */
export const USUAL_BYTES = 256 * 1024 * 1024
const START_MS = 120_000
const REQUEST_MS = 60_000
const HEALTH_EVERY_MS = 50
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 30_000
/** One that lived so long may be started again at once. */
const STABLE_MS = 30_000
const TAIL = 2000
const LINE = 4000

/**
 * A server in a process group of its own, of which what it prints goes to the log. When it dies it is started again, after pauses that grow while it keeps dying; until it
 * answers, requests are MODEL_NOT_READY. It dies with us, even where we are killed: its standard input ends then.
 */
export class SideProcess {
  readonly #options: SideProcessOptions
  #child: ChildProcess | undefined
  #transport: Transport | undefined
  #startedAt = 0
  #deaths = 0
  #tail = ''
  #why = 'it has not started yet'
  #stop = new AbortController()
  #exited: Promise<void> = Promise.resolve()
  #bytes = USUAL_BYTES

  private constructor(options: SideProcessOptions) {
    this.#options = options
  }

  /** Resolves when it answers. MODEL_INVALID with its last words where it ends first, or takes too long. */
  static async start(options: SideProcessOptions): Promise<SideProcess> {
    const made = new SideProcess(options)
    try {
      await made.#spawn()
    } catch (error) {
      await made.stop()
      throw new MillraceError('MODEL_INVALID', `the Python process of ${options.name} did not start: ${errorMessage(error)}`, { cause: error })
    }
    return made
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Memory of it and of all that it started, now; while it is started again, what it took before. */
  get bytes(): number {
    const resident = this.#transport && this.pid !== undefined ? residentBytes(this.pid) : null
    return (this.#bytes = resident ?? this.#bytes)
  }

  /** Where requests go; MODEL_NOT_READY while it does not answer. */
  get transport(): Transport {
    if (this.#transport) return this.#transport
    throw this.notReady()
  }

  notReady(): MillraceError {
    return new MillraceError('MODEL_NOT_READY', `the Python process of ${this.#options.name} does not answer, and is started again: ${this.#why}`)
  }

  /** Ends it with all that it started, and resolves when it has gone. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#kill()
    await this.#exited
  }

  #kill(): void {
    const { pid } = this.#child ?? {}
    this.#child?.stdin?.end()
    if (pid === undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch (error) {
      this.#options.log.debug({ reason: errorMessage(error) }, 'the group of a Python process had gone')
    }
  }

  async #spawn(): Promise<void> {
    const { command, environment, startTimeoutMs = START_MS } = this.#options
    const [program, ...words] = command
    this.#tail = ''
    this.#startedAt = Date.now()
    // Detached: it gets a process group, so that all that it starts can be ended with it.
    const child = spawn(program, words, { cwd: '/', env: environment, detached: true, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] })
    this.#child = child
    let gone = false
    let spawnError: Error | undefined
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => {
        spawnError = error
        gone = true
        resolve()
      })
      child.once('close', (code, signal) => {
        gone = true
        this.#died(child, signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`)
        resolve()
      })
    })
    const [stdin, stdout, stderr, portPipe] = child.stdio
    // Written to never; that the other end has gone is told by `close`.
    ;(stdin as Writable | null)?.on('error', () => undefined)
    for (const [stream, from] of [[stdout, 'stdout'], [stderr, 'stderr']] as const) if (stream) this.#logLines(stream as Readable, from)
    let port = ''
    ;(portPipe as Readable | null)?.on('data', (part: Buffer) => (port += part.toString()))
    const deadline = Date.now() + startTimeoutMs
    while (Date.now() < deadline && !this.#stop.signal.aborted) {
      if (gone) throw new Error(spawnError ? spawnError.message : `${this.#why}${this.#tail === '' ? '' : `: ${this.#tail.trim()}`}`)
      if (port.includes('\n')) {
        const transport = createTransport(`http://127.0.0.1:${Number.parseInt(port, 10)}`, { timeoutMs: this.#options.requestTimeoutMs ?? REQUEST_MS })
        if (await answers(transport)) {
          this.#transport = transport
          // It serves us: what keeps us alive is not it but our own server. Where we end, its life line does.
          child.unref()
          for (const stream of child.stdio) if (stream instanceof Socket) stream.unref()
          return
        }
      }
      await sleep(HEALTH_EVERY_MS)
    }
    this.#kill()
    throw new Error(this.#stop.signal.aborted ? 'it was stopped' : `it did not answer within ${startTimeoutMs / 1000} s`)
  }

  #died(child: ChildProcess, why: string): void {
    if (child !== this.#child) return
    const answered = this.#transport !== undefined
    this.#transport = undefined
    this.#why = why
    // What it started goes with it.
    this.#kill()
    if (!answered || this.#stop.signal.aborted) return
    this.#options.log.error({ model: this.#options.name, reason: why, last: this.#tail.slice(-500) }, 'the Python process died')
    void this.#restart()
  }

  async #restart(): Promise<void> {
    const { firstPauseMs = FIRST_PAUSE_MS, log, name } = this.#options
    while (!this.#stop.signal.aborted) {
      this.#deaths = failuresAfter(Date.now() - this.#startedAt, this.#deaths, STABLE_MS)
      const pause = backoffMs(this.#deaths, { firstMs: firstPauseMs, longestMs: LONGEST_PAUSE_MS })
      await sleep(pause, undefined, { signal: this.#stop.signal }).catch(() => undefined)
      if (this.#stop.signal.aborted) return
      try {
        await this.#spawn()
        log.info({ model: name, pid: this.pid }, 'the Python process answers again')
        return
      } catch (error) {
        this.#why = errorMessage(error)
        log.error({ model: name, reason: this.#why }, 'the Python process did not start again')
      }
    }
  }

  #logLines(stream: Readable, from: 'stdout' | 'stderr'): void {
    const { log, name } = this.#options
    let rest = ''
    stream.on('data', (part: Buffer) => {
      const text = part.toString()
      this.#tail = (this.#tail + text).slice(-TAIL)
      const lines = (rest + text).split('\n')
      rest = (lines.pop() ?? '').slice(-LINE)
      for (const line of lines) if (line.trim() !== '') log.info({ model: name, from }, line.slice(0, LINE))
    })
  }
}

async function answers(transport: Transport): Promise<boolean> {
  try {
    await transport.raw('GET', '/ping', { timeoutMs: 2000 })
    return true
  } catch {
    return false
  }
}
