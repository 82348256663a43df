import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError } from '../../platform/errors/index.ts'
import type { Peers } from './peers.ts'

const POLL_MS = 20
const LONGEST_POLL_MS = 120

export interface TimeDriver {
  /** Moves project time on every service, then waits until each has done all that was due; `waiting` is told what for, now and then. */
  readonly advance: (to: Date, waiting?: (what: string) => void) => Promise<void>
  /** Waits, without moving time. */
  readonly settle: (waiting?: (what: string) => void) => Promise<void>
}

/** The one that drives project time. No answer within `patienceMs` of any change throws TIMEOUT with what is being waited for. */
export function timeDriver(peers: Pick<Peers, 'control' | 'events'>, patienceMs = 900_000): TimeDriver {
  const settle = async (waiting: (what: string) => void = () => undefined): Promise<void> => {
    const deadline = Date.now() + patienceMs
    let calm: number | undefined
    for (let pause = POLL_MS; ; pause = Math.min(pause * 1.5, LONGEST_POLL_MS)) {
      const marks = await Promise.all(peers.control.map((service) => service.watermark()))
      const behind = marks.flatMap(({ service, waiting_for: reasons }) => reasons.map((reason) => `${service}: ${reason}`))
      if (behind.length === 0) {
        // One service may have given another something to do after that one was asked: calm is two rounds in a row without a new event.
        const head = await peers.events.head()
        if (calm === head) return
        calm = head
        pause = POLL_MS / 2
      } else {
        calm = undefined
        waiting(behind[0] ?? '')
        if (Date.now() > deadline) throw new MillraceError('TIMEOUT', `project time cannot move on; still waiting for ${behind.join('; ')}`)
      }
      await sleep(pause)
    }
  }
  return {
    settle,
    advance: async (to, waiting) => {
      await Promise.all(peers.control.map((service) => service.setClock(to)))
      await settle(waiting)
    },
  }
}
