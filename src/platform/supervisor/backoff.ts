export interface Backoff {
  readonly firstMs: number
  readonly longestMs: number
}

/** How long to wait before a process that has failed so many times in a row is started again: twice as long each time, and not at all after none. */
export function backoffMs(failures: number, { firstMs, longestMs }: Backoff): number {
  return failures === 0 ? 0 : Math.min(firstMs * 2 ** (failures - 1), longestMs)
}

/** Failures in a row, with that of a process that lived for `livedMs`: one that was stable begins anew. */
export function failuresAfter(livedMs: number, before: number, stableMs: number): number {
  return livedMs > stableMs ? 0 : before + 1
}
