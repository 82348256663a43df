import { type MillraceError, toMillraceError } from '../../platform/errors/index.ts'
import type { PlacedVersion } from './messages.ts'
import type { WorkerProcess } from './worker-process.ts'

/** To load one version. A worker that takes longer is killed. */
export const LOAD_PATIENCE_MS = 60_000
/** To let go of one takes no time. */
const ANSWER_PATIENCE_MS = 5000

interface Preparation<W> {
  /** What all are to have ready. */
  readonly next: readonly PlacedVersion[]
  /** What they answer by, and go on answering by where one of them cannot. */
  readonly now: readonly PlacedVersion[]
  /** Told of one that is gone or hangs. */
  readonly giveUp: (worker: W, error: unknown) => void
}

/**
 * Has all load what they lack of `next`. Throws the reason of the first that cannot, and then the others have let go of what they loaded for it. One that dies or hangs is no
 * reason to refuse a version: with UNAVAILABLE they keep it, for the next try.
 */
export async function prepareAll<W extends Pick<WorkerProcess, 'ask'>>(workers: readonly W[], { next, now, giveUp }: Preparation<W>): Promise<void> {
  const failures = new Map<W, MillraceError>()
  await Promise.all(workers.map((worker) => worker.ask({ kind: 'prepare', placed: next }, LOAD_PATIENCE_MS).catch((error: unknown) => failures.set(worker, toMillraceError(error)))))
  const gone = [...failures].filter(([, { code }]) => code === 'UNAVAILABLE')
  for (const [worker, error] of gone) giveUp(worker, error)
  const left = new Set(gone.map(([worker]) => worker))
  const refusal = [...failures].find(([worker]) => !left.has(worker))?.[1]
  if (refusal) await Promise.all(workers.filter((worker) => !left.has(worker)).map((worker) => worker.ask({ kind: 'commit', placed: now }, ANSWER_PATIENCE_MS).catch((error: unknown) => giveUp(worker, error))))
  const error = refusal ?? gone[0]?.[1]
  if (error) throw error
}
