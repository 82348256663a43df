import type { Execution, ExecutionRequest } from '../src/api/pipelines.ts'
import type { Transport } from './http.ts'

/** The pipelines service: executions of the project's pipeline. */
export function pipelinesClient(transport: Transport) {
  const path = (id: string): string => `/executions/${encodeURIComponent(id)}`
  return {
    /** Queues an execution, or answers with the one that `key` started before. May be repeated. */
    start: (request: ExecutionRequest): Promise<Execution> => transport.json('POST', '/executions', { body: request }),
    /** Newest first. */
    list: async (options: { readonly model?: string; readonly limit?: number } = {}): Promise<readonly Execution[]> =>
      (await transport.json<{ executions: readonly Execution[] }>('GET', '/executions', { query: { ...options } })).executions,
    get: (id: string): Promise<Execution> => transport.json('GET', path(id)),
    /** What the stages have written so far, without the first `after` bytes. */
    log: async (id: string, after = 0): Promise<string> => (await transport.raw('GET', `${path(id)}/log`, { query: { after } })).text(),
  }
}
