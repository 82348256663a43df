import type { TrainingContext } from '../context.ts'
import type { Policy } from './access.ts'
import type { Gate } from './gates.ts'

/** What the registry works with: the service's stores, who may do what, and what a promotion must pass. */
export interface RegistryContext extends TrainingContext {
  readonly policy: Policy
  readonly gates: readonly Gate[]
}
