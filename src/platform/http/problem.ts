import { type MillraceError, ERROR_CATALOGUE } from '../errors/index.ts'

/** Problem details, RFC 9457, as our own routes answer them. `/v2`, `/invocations` and MLflow's routes keep the error bodies of their protocols. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly instance: string
  readonly details?: unknown
}

export const PROBLEM_CONTENT_TYPE = 'application/problem+json'

export function toProblem(error: MillraceError, requestId: string): Problem {
  const { status, title } = ERROR_CATALOGUE[error.code]
  return {
    type: `https://millrace.dev/errors#${error.code.toLowerCase()}`,
    title,
    status,
    detail: status === 500 && error.code === 'INTERNAL' ? `${title}. Request ${requestId}.` : error.message,
    code: error.code,
    instance: requestId,
    ...(error.details === undefined ? {} : { details: error.details }),
  }
}
