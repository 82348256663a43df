import { ApiError } from '../../../../sdk/http.ts'
import { MillraceError, errorMessage } from '../../../platform/errors/index.ts'
import { ExecutionFailed } from './worker.ts'

/** How the command line of ours tells its errors (main.ts): `millrace: CODE: message`. */
const TOLD = /^millrace: ([A-Z_]+): (.*)$/m

/**
 * What ended an execution for good, in words. A stage that failed through one of our own commands is told by that command's error, so that a broken contract is
 * called one; any other by its last lines.
 */
export function stageFailure(error: unknown, stage: string | undefined): ExecutionFailed {
  if (error instanceof MillraceError && error.code === 'PIPELINE_STAGE_FAILED') {
    const told = TOLD.exec(error.message)
    if (told) return new ExecutionFailed(`stage ${stage ?? '?'}: ${told[1] ?? ''}: ${told[2] ?? ''}`, stage)
    return new ExecutionFailed(error.message, stage)
  }
  const code = error instanceof MillraceError ? `${error.code}: ` : ''
  return new ExecutionFailed(`${stage === undefined ? '' : `stage ${stage}: `}${code}${errorMessage(error)}`, stage)
}

const UNREACHABLE = new Set([502, 503, 504])

/** Tracking being away passes: that error is given back, to be tried again. Whatever else happens would happen again. */
export function trackingFailure(error: unknown): unknown {
  if (error instanceof ApiError) {
    return UNREACHABLE.has(error.status) ? error : new ExecutionFailed(`logging the run: tracking answered ${error.status} ${error.code}: ${error.message}`)
  }
  // fetch's own error for a connection that was refused or lost has the system's error as its cause.
  const away = (error instanceof TypeError && error.cause !== undefined) || (error instanceof DOMException && error.name === 'TimeoutError')
  if (away) return error
  const code = error instanceof MillraceError ? `${error.code}: ` : ''
  return new ExecutionFailed(`logging the run: ${code}${errorMessage(error)}`)
}
