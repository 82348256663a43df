import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import type { Feed } from './feed.ts'
import type { EventStore } from './store.ts'

export interface PullOptions {
  readonly feed: Feed
  readonly store: EventStore
  readonly log: Logger
  readonly onAppended: (source: string, count: number, breaks: number) => void
}

export interface Pull {
  readonly source: string
  /** What of this outbox is not in the log yet, in words; empty when all is. */
  waitingFor(): Promise<readonly string[]>
  stop(): Promise<void>
}

const PAGE = 500
const WAIT_SECONDS = 20
const PAUSE_MS = [50, 100, 200, 500, 1000, 2000] as const

/** Pulls one outbox into the log until stopped. An outbox that cannot be read is tried again and again; nothing of it is skipped. */
export function pullEvents({ feed, store, log, onAppended }: PullOptions): Pull {
  const { source } = feed
  const abort = new AbortController()
  let failing: string | undefined
  /** Why the outbox is not read on although it can be. */
  let discontinuous: string | undefined

  /**
   * An outbox that was lost or rewritten no longer holds the event where the log ends. Appending to it would join two histories, so it is not
   * read on until it does again: the watermark and the log of this service say so.
   */
  const checkContinuity = async (): Promise<void> => {
    const head = await store.sourceHead(source)
    if (head.seq === 0) return
    const [event] = await feed.read(head.seq - 1, 1, 0, abort.signal)
    if (event?.seq === head.seq && event.hash === head.hash) return
    const found = event === undefined ? 'it ends before' : `found ${event.seq} with hash ${event.hash.slice(0, 12)}`
    throw new MillraceError('EVENT_CHAIN_BROKEN', `the outbox of ${source} does not hold event ${head.seq} as the log has it (${found})`)
  }

  const pullOnce = async (): Promise<void> => {
    const { seq } = await store.sourceHead(source)
    const events = await feed.read(seq, PAGE, WAIT_SECONDS, abort.signal)
    const { count, breaks } = await store.append(source, events)
    for (const reason of breaks) log.error({ source, reason }, 'the chain of events is broken')
    if (count > 0) onAppended(source, count, breaks.length)
  }

  const run = async (): Promise<void> => {
    let failures = 0
    let continuous = false
    while (!abort.signal.aborted) {
      try {
        if (!continuous) await checkContinuity()
        continuous = true
        discontinuous = undefined
        await pullOnce()
        if (failing !== undefined) log.info({ source }, 'pulling events works again')
        failing = undefined
        failures = 0
      } catch (error) {
        if (abort.signal.aborted) return
        const reason = errorMessage(error)
        // Once for each new reason: a service that starts a minute later must not fill the log.
        if (reason !== failing) log.warn({ source, reason }, 'pulling events failed; trying again')
        failing = reason
        continuous = false
        if (error instanceof MillraceError && error.code === 'EVENT_CHAIN_BROKEN') discontinuous = reason
        await sleep(PAUSE_MS[Math.min(failures++, PAUSE_MS.length - 1)], undefined, { signal: abort.signal }).catch(() => undefined)
      }
    }
  }
  const running = run()

  return {
    source,
    waitingFor: async () => {
      try {
        const { seq } = await store.sourceHead(source)
        const [next] = await feed.read(seq, 1, 0, abort.signal)
        if (next !== undefined) return [`events of ${source} from ${next.seq} on`]
        // It can be read and holds nothing new; that an earlier try failed says nothing any more.
        return discontinuous === undefined ? [] : [`events of ${source}: ${discontinuous}`]
      } catch (error) {
        return [`events of ${source}: ${errorMessage(error)}`]
      }
    },
    stop: async () => {
      abort.abort()
      await running
    },
  }
}
