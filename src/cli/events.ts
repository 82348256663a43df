import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidArgumentError, type Command } from 'commander'
import type { Transport } from '../../sdk/http.ts'
import type { Verification } from '../api/event-log.ts'
import { EVENT_TYPES, isEventType } from '../api/event-types.ts'
import type { EventType, LoggedEvent } from '../api/events.ts'
import { MillraceError } from '../platform/errors/index.ts'

interface TailOptions {
  readonly lines: number
  readonly follow?: true
  readonly types?: string
  readonly json?: true
}

interface VerifyOptions {
  readonly online?: true
  readonly json?: true
}

const PAUSE_MS = 1000
const PREFIX = 'dev.millrace.'

export function register(program: Command): void {
  const events = program.command('events').description('read and verify the event log')
  events
    .command('tail')
    .description('show the newest events')
    .option('-n, --lines <count>', 'how many', parseCount, 20)
    .option('-f, --follow', 'go on with each new event until Ctrl-C')
    .option('-t, --types <types>', 'only these types, comma-separated; `dev.millrace.` may be left out')
    .option('--json', 'one event a line, as logged')
    .action(tail)
  events
    .command('verify')
    .description("check every source's chain, and the log against its signed heads; reads the files, so the services need not run")
    .option('--online', 'ask the running gateway, which also compares each outbox')
    .option('--json', 'the whole finding as JSON')
    .action(verify)
}

async function tail(options: TailOptions): Promise<void> {
  const types = (options.types ?? '').split(',').filter((type) => type !== '').map(knownType)
  const { eventsClient } = await import('../../sdk/events.ts')
  const transport = await gateway()
  const newest = await transport.json<{ events: readonly LoggedEvent[] }>('GET', '/events', { query: { limit: options.lines, types: types.join(',') } })
  const print = ({ position, event }: LoggedEvent): void => {
    process.stdout.write(options.json ? `${JSON.stringify({ position, event })}\n` : line(position, event))
  }
  const first = newest.events.toReversed()
  for (const event of first) print(event)
  if (!options.follow) return
  const client = eventsClient(transport)
  let position = first.at(-1)?.position ?? (await client.head())
  for (;;) {
    try {
      const page = await client.page(position, types, 20)
      for (const event of page.events) print(event)
      position = page.position
    } catch (error) {
      // The gateway may be restarting; what happens meanwhile is in the log when it is back.
      process.stderr.write(`the gateway does not answer (${error instanceof Error ? error.message : String(error)}); trying again\n`)
      await sleep(PAUSE_MS)
    }
  }
}

async function verify(options: VerifyOptions): Promise<void> {
  const found = options.online ? await verifyOnline() : await verifyFiles()
  if (options.json) process.stdout.write(`${JSON.stringify(found, null, 2)}\n`)
  else {
    for (const source of found.sources) {
      const state = source.problems.length === 0 ? 'ok' : 'BROKEN'
      process.stdout.write(`${state.padEnd(7)} ${source.source.padEnd(10)} ${String(source.events).padStart(7)} events, signed up to ${source.signed_seq}\n`)
    }
    process.stdout.write(`${found.events} events in all, ${found.heads} signed ${found.heads === 1 ? 'head' : 'heads'}\n`)
  }
  if (found.ok) return
  throw new MillraceError('EVENT_CHAIN_BROKEN', [...found.problems, ...found.sources.flatMap((source) => source.problems)].join('\n'))
}

async function verifyOnline(): Promise<Verification> {
  const transport = await gateway()
  return transport.json<Verification>('GET', '/events/verify', { timeoutMs: 300_000 })
}

async function gateway(): Promise<Transport> {
  const { connect } = await import('./connect.ts')
  const { loadProject } = await import('./project.ts')
  return connect(loadProject(), 'gateway')
}

async function verifyFiles(): Promise<Verification> {
  const { openEventLogDatabase, verifyLog } = await import('../gateway/event-log/index.ts')
  const { serviceFolder } = await import('../platform/config/index.ts')
  const { loadProject } = await import('./project.ts')
  const { config, folder } = loadProject()
  const db = await openEventLogDatabase(config, folder)
  try {
    return await verifyLog(db, serviceFolder(config, folder, 'gateway'))
  } finally {
    await db.close()
  }
}

function line(position: number, event: LoggedEvent['event']): string {
  const type = event.type.replace(/^dev\.millrace\./, '')
  return `${String(position).padStart(6)}  ${event.projecttime.slice(0, 19).replace('T', ' ')}  ${type.padEnd(24)} ${event.subject}  ${JSON.stringify(event.data)}\n`
}

/** The log would answer an unknown type with nothing, for ever. */
function knownType(type: string): EventType {
  const full = type.startsWith(PREFIX) ? type : `${PREFIX}${type}`
  if (isEventType(full)) return full
  const known = EVENT_TYPES.map((one) => one.slice(PREFIX.length)).toSorted()
  throw new MillraceError('USAGE', `--types: found ${JSON.stringify(type)}, expected one of ${known.join(', ')}`)
}

function parseCount(text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > 1000) throw new InvalidArgumentError('expected 1 to 1000')
  return count
}
