import type { ProjectConfig } from '../../domain/config.ts'
import type { DemoFolder, DemoState } from './folder.ts'
import type { FlightsWorld } from './flights.ts'
import type { Peers } from './peers.ts'
import type { TimeDriver } from './time.ts'
import { MillraceError } from '../../platform/errors/index.ts'

export const MODEL = 'flight-delay'

/** Everything a step may use. `state` is replaced, never changed: `keep` makes the new one durable. */
export interface DemoContext {
  readonly folder: DemoFolder
  readonly config: ProjectConfig
  readonly peers: Peers
  readonly time: TimeDriver
  readonly world: () => Promise<FlightsWorld>
  state: DemoState
  readonly keep: (change: Partial<DemoState>) => void
}

export interface Step {
  readonly key: string
  readonly title: string
  /** Does the work unless an earlier sitting did it, reads the result back through the public API, and answers its figure in words. */
  readonly run: (context: DemoContext, report: (progress: string) => void) => Promise<string>
}

/** The demo shows nothing that it has not read back. Throws DEMO_FAILED with what was expected. */
export function verify(holds: boolean, expected: string): void {
  if (!holds) throw new MillraceError('DEMO_FAILED', `could not be verified: ${expected}`)
}

/** Runs `work` once in the life of a demo, also across interruptions: it must leave the same result if it is cut off and run again. */
export async function once(context: DemoContext, key: string, work: () => Promise<void>): Promise<void> {
  if (context.state.done.includes(key)) return
  await work()
  context.keep({ done: [...context.state.done, key] })
}
