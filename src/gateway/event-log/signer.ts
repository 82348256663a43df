import { errorMessage } from '../../platform/errors/index.ts'
import type { Logger } from '../../platform/log/index.ts'
import type { HeadLog } from './heads.ts'
import type { EventStore } from './store.ts'

/** Milliseconds between two signatures at least: a burst of events costs one write to disk, not one each. */
const INTERVAL_MS = 1000

/** Signs the log's heads as it grows: at once after a pause, then at most once in an interval, and when it stops. */
export function signHeads(store: EventStore, heads: HeadLog, log: Logger) {
  let timer: NodeJS.Timeout | undefined
  let lastSigned = 0
  let signing: Promise<void> = Promise.resolve()

  const signNow = (): Promise<void> => {
    lastSigned = Date.now()
    signing = signing.then(async () => {
      try {
        heads.sign(await store.sourceHeads(), new Date())
      } catch (error) {
        // A full disk must not stop the events; they are signed once there is room again.
        log.error({ reason: errorMessage(error) }, 'signing the heads of the event log failed; trying again with the next event')
      }
    })
    return signing
  }

  return {
    signNow,
    changed: (): void => {
      timer ??= setTimeout(() => {
        timer = undefined
        void signNow()
      }, Math.max(0, lastSigned + INTERVAL_MS - Date.now()))
    },
    stop: async (): Promise<void> => {
      clearTimeout(timer)
      await signNow()
    },
  }
}
