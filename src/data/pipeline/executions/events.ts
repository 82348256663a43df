import type { Transaction } from 'kysely'
import type { Execution } from '../../../api/pipelines.ts'
import type { Outbox } from '../../../platform/events/outbox.ts'
import type { ExecutionsSchema } from './store.ts'
import type { Finished } from './worker.ts'

type Trx = Transaction<ExecutionsSchema>

/** The events of an execution's life, each emitted in the transaction of the change that it tells of. */
export function executionEvents(outbox: Outbox) {
  return {
    started: async ({ execution_id, reason, key }: Execution, trx: Trx): Promise<void> => {
      await outbox.emit(trx, 'dev.millrace.execution.started', execution_id, { execution_id, reason, key })
    },
    finished: async (execution: Execution, { unchanged, ...result }: Finished, trx: Trx): Promise<void> => {
      const { execution_id, model } = execution
      const stages = execution.stages.map(({ name, state, seconds }) => ({ name, seconds: seconds ?? 0, cached: state === 'cached' || state === 'restored' }))
      await outbox.emit(trx, 'dev.millrace.execution.finished', execution_id, { execution_id, model, ...result, ...(unchanged === null ? {} : { unchanged }), stages })
    },
    failed: async ({ execution_id }: Execution, reason: string, stage: string | undefined, trx: Trx): Promise<void> => {
      await outbox.emit(trx, 'dev.millrace.execution.failed', execution_id, { execution_id, reason, ...(stage === undefined ? {} : { stage }) })
    },
  }
}

export type ExecutionEvents = ReturnType<typeof executionEvents>
