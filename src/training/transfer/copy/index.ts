import { ApiError, type Transport, createTransport } from '../../../../sdk/http.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import { copyAll } from './copy.ts'
import { millraceTarget } from './millrace-target.ts'
import { mlflowTarget } from './mlflow-target.ts'
import type { Source, Target } from './port.ts'
import { type Counts, Progress } from './progress.ts'
import { restSource } from './rest-source.ts'
import { sqliteSource } from './sqlite-source.ts'
import { type Report, verifyAll } from './verify.ts'

export { number, size } from './progress.ts'
export type { Report } from './verify.ts'

export interface Place {
  readonly url: string
  /** Sent with every request: who we are. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface MoveOptions {
  readonly from: Place
  readonly to: Place
  /** Below which folder a SQLite source's server kept `mlflow-artifacts:/…`. */
  readonly artifacts?: string
  readonly again: boolean
  readonly verify: boolean
  /** Called now and then with what is being done. */
  readonly say: (phase: 'copying' | 'verifying', line: string) => void
}

export interface Moved {
  readonly copied: Readonly<Counts>
  /** undefined where it was not asked for. */
  readonly report: Report | undefined
  readonly notes: readonly string[]
}

const RETRY_MS = 30_000
const TIMEOUT_MS = 120_000
const SAY_EVERY_MS = 1000
/** Notes that are kept; of millions of runs each may have one. */
const NOTES = 200

/** From a server of MLflow, or its SQLite database, to ours. */
export function importMlflow(options: MoveOptions): Promise<Moved> {
  return move(options, openSource(options), (from, note) => {
    const { transport, name } = connect(options.to)
    return millraceTarget({ transport, name, there: restSource(transport, name), from, note })
  })
}

/** From ours to a server of MLflow. */
export function exportMlflow(options: MoveOptions): Promise<Moved> {
  return move(options, openSource(options), (from, note) => {
    const { transport, name } = connect(options.to)
    return mlflowTarget({ transport, name, there: restSource(transport, name), from, note })
  })
}

async function move({ again, verify, say }: MoveOptions, from: Source, target: (from: Source, note: (text: string) => void) => Target): Promise<Moved> {
  const notes: string[] = []
  const note = (text: string): void => {
    if (notes.length < NOTES && !notes.includes(text)) notes.push(text)
  }
  const to = target(from, note)
  const progress = new Progress()
  let phase: 'copying' | 'verifying' = 'copying'
  let read = 0
  let read_of = ''
  const timer = setInterval(() => say(phase, phase === 'copying' ? progress.line() : `${read.toLocaleString('en-US')}${read_of} runs and models read back`), SAY_EVERY_MS)
  try {
    const totals = await from.totals()
    progress.expect(totals)
    if (totals !== undefined) read_of = ` of ${(totals.runs + totals.models).toLocaleString('en-US')}`
    await copyAll({ from, to, progress, note, again })
    say(phase, progress.line())
    phase = 'verifying'
    const report = verify ? await verifyAll(from, to, (count) => (read += count)) : undefined
    return { copied: progress.counts, report, notes }
  } catch (error) {
    // What a server says no to is its word, in its words.
    if (error instanceof ApiError) throw new MillraceError('UPSTREAM_FAILED', `while ${phase}, a server answered ${error.status}: ${error.message}`, { cause: error })
    throw error
  } finally {
    clearInterval(timer)
    from.close()
  }
}

function openSource({ from, artifacts }: MoveOptions): Source {
  const file = /^sqlite:\/\/\/(.+)$/s.exec(from.url)?.[1]
  if (file !== undefined) return sqliteSource({ file, artifacts })
  if (artifacts !== undefined) throw new MillraceError('USAGE', '--artifacts says where the files of a SQLite source are; a server gives its files itself')
  const { transport, name } = connect(from)
  return restSource(transport, name)
}

function connect({ url, headers }: Place): { readonly transport: Transport; readonly name: string } {
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw new MillraceError('USAGE', `found ${/^[\w+]+:\/\//.exec(url)?.[0] ?? JSON.stringify(url)}…, expected http://…, https://… or, to read from, sqlite:///FILE`)
  }
  const { username, password, origin, pathname } = new URL(url)
  const basic = username === '' ? {} : { authorization: `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}` }
  const name = `${origin}${pathname}`.replace(/\/+$/, '')
  return { transport: createTransport(name, { retryForMs: RETRY_MS, timeoutMs: TIMEOUT_MS, headers: { ...basic, ...headers } }), name }
}
