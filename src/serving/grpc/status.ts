import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import type { MillraceError } from '../../platform/errors/index.ts'

/** The error's code of the catalogue, which says more than the sixteen that gRPC has. */
export const ERROR_CODE_KEY = 'x-millrace-error-code'

/** By the error's HTTP status: one table for both transports. What is not here is INTERNAL. */
const STATUSES: Readonly<Record<number, status>> = {
  400: status.INVALID_ARGUMENT,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  409: status.FAILED_PRECONDITION,
  // As gRPC itself says of a message over the limit.
  413: status.RESOURCE_EXHAUSTED,
  415: status.INVALID_ARGUMENT,
  422: status.FAILED_PRECONDITION,
  429: status.RESOURCE_EXHAUSTED,
  499: status.CANCELLED,
  501: status.UNIMPLEMENTED,
  // Also of a full queue: it may be tried again as it is.
  503: status.UNAVAILABLE,
  504: status.DEADLINE_EXCEEDED,
  507: status.RESOURCE_EXHAUSTED,
}

export function toStatus(error: MillraceError, requestId?: string): ServiceError {
  const metadata = new Metadata()
  metadata.set(ERROR_CODE_KEY, error.code)
  if (requestId !== undefined) metadata.set('x-request-id', requestId)
  const code = STATUSES[error.status] ?? status.INTERNAL
  return Object.assign(new Error(error.message, { cause: error }), { code, details: error.message, metadata })
}
