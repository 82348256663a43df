import type { FastifyRequest } from 'fastify'
import type { Static, TObject } from 'typebox'
import { type Endpoint, endpoint } from '../mlflow/routes.ts'
import { tellingDenials } from './access.ts'
import { type Caller, callerOf } from './caller.ts'
import type { RegistryContext } from './context.ts'

/** An endpoint that changes something: its work knows who asks, and a refusal is told. What the work returns is the answer; nothing is `{}`. */
export type Change = <S extends TObject>(method: 'POST' | 'PATCH' | 'DELETE', path: string, schema: S, work: (input: Static<S>, by: Caller) => Promise<unknown>) => Endpoint

export function changing(context: RegistryContext): Change {
  return (method, path, schema, work) =>
    endpoint(method, path, schema, (given, request: FastifyRequest) => tellingDenials(context, async () => (await work(given, callerOf(request, context.clock))) ?? {}))
}
