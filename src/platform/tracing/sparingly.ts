/** Tells at once, and then at most every `everyMs`; with how often there was something to tell in between. */
export function sparingly(everyMs: number): (tell: (before: number) => void) => void {
  let last = Number.NEGATIVE_INFINITY
  let untold = 0
  return (tell) => {
    const now = performance.now()
    if (now - last < everyMs) {
      untold++
      return
    }
    last = now
    tell(untold)
    untold = 0
  }
}
