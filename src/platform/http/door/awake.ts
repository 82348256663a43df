/** What keeps the event loop turning for a moment. */
export interface Awake {
  /** An answer has been given: who asked may ask again at once. */
  readonly answered: (now: number) => void
}

const SLEEPY: Awake = { answered: () => undefined }

/**
 * Busy polling, as Linux's sockets have it (net.core.busy_poll): for `ms` after an answer the event loop asks the system for more instead of sleeping until there is. A core that
 * sleeps takes tens of microseconds to wake, on virtual machines a hundred, which is most of what one caller that asks again and again waits for. It costs up to so much processor time an
 * answer where there is nothing else to do, and nothing under load, or where nobody asks. 0 polls never.
 */
export function createAwake(ms: number): Awake {
  if (ms === 0) return SLEEPY
  let until = 0
  let turning = false
  const turn = (): void => {
    if (performance.now() < until) setImmediate(turn)
    else turning = false
  }
  return {
    answered: (now) => {
      until = now + ms
      if (turning) return
      turning = true
      setImmediate(turn)
    },
  }
}
