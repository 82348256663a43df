import { ERROR_CATALOGUE, type ErrorCode, MillraceError, toMillraceError } from '../../platform/errors/index.ts'

/** MLflow's error body; clients act on `error_code` and on the status. */
export interface MlflowError {
  readonly error_code: string
  readonly message: string
  /** Ours, for our own client; MLflow's ignore it. */
  readonly code: ErrorCode
  readonly details?: unknown
}

/** Our codes in MLflow's words, with the status that MLflow gives the word (mlflow/exceptions.py, ERROR_CODE_TO_HTTP_STATUS) unless ours is more exact. */
const IN_MLFLOW: Partial<Record<ErrorCode, readonly [string, number]>> = {
  BAD_REQUEST: ['INVALID_PARAMETER_VALUE', 400],
  SEARCH_INVALID: ['INVALID_PARAMETER_VALUE', 400],
  PATH_OUTSIDE_ROOT: ['INVALID_PARAMETER_VALUE', 400],
  UNSUPPORTED_MEDIA_TYPE: ['INVALID_PARAMETER_VALUE', 400],
  BODY_TOO_LARGE: ['INVALID_PARAMETER_VALUE', 413],
  // MLflow's client and its tests know an alias that does not exist as a wrong parameter.
  ALIAS_NOT_FOUND: ['INVALID_PARAMETER_VALUE', 400],
  NOT_FOUND: ['RESOURCE_DOES_NOT_EXIST', 404],
  ALREADY_EXISTS: ['RESOURCE_ALREADY_EXISTS', 400],
  CONFLICT: ['RESOURCE_CONFLICT', 409],
  HOST_NOT_ALLOWED: ['PERMISSION_DENIED', 403],
  ARTIFACT_SEALED: ['PERMISSION_DENIED', 403],
  GATE_NOT_PASSED: ['RESOURCE_CONFLICT', 409],
  ACCESS_DENIED: ['PERMISSION_DENIED', 403],
  NOT_IMPLEMENTED: ['NOT_IMPLEMENTED', 501],
  UNAVAILABLE: ['TEMPORARILY_UNAVAILABLE', 503],
  DATABASE_UNAVAILABLE: ['TEMPORARILY_UNAVAILABLE', 503],
  TIMEOUT: ['DEADLINE_EXCEEDED', 504],
  CANCELLED: ['CANCELLED', 499],
  DISK_FULL: ['RESOURCE_EXHAUSTED', 507],
}

export function toMlflowError(error: MillraceError, requestId: string): { readonly status: number; readonly body: MlflowError } {
  const [code, status] = IN_MLFLOW[error.code] ?? ['INTERNAL_ERROR', error.status]
  const message = error.code === 'INTERNAL' ? `${ERROR_CATALOGUE.INTERNAL.title}. Request ${requestId}.` : error.message
  return { status, body: { error_code: code, message, code: error.code, ...(error.details === undefined ? {} : { details: error.details }) } }
}

/** Errors that Fastify itself raises while it reads a request, in our codes. */
export function fromFastify(error: Error & { readonly statusCode?: number }): MillraceError {
  if (error instanceof MillraceError) return error
  // What recurses over a body runs out of stack on one that nests thousands of levels deep, and nothing of ours nests like that.
  if (error instanceof RangeError && /call stack/.test(error.message)) return new MillraceError('BAD_REQUEST', 'the body nests too deeply', { cause: error })
  if (error.statusCode === 413) return new MillraceError('BODY_TOO_LARGE', error.message, { cause: error })
  if (error.statusCode === 415) {
    return new MillraceError('UNSUPPORTED_MEDIA_TYPE', 'Content-Type: expected application/json', { cause: error })
  }
  if (error.statusCode !== undefined && error.statusCode < 500) return new MillraceError('BAD_REQUEST', error.message, { cause: error })
  return toMillraceError(error)
}

/** MLflow's INVALID_PARAMETER_VALUE. */
export function invalid(message: string): MillraceError {
  return new MillraceError('BAD_REQUEST', message)
}
