import { ERROR_CATALOGUE, type ErrorCode } from './catalogue.ts'

export { ERROR_CATALOGUE, type ErrorCode }

export interface MillraceErrorOptions {
  readonly cause?: unknown
  /** Facts for machines, such as the list of violated rules. Goes into the answer, so it must hold no secret. */
  readonly details?: unknown
}

/** An error that we foresaw. Its message says what was wrong, where, what was found and what was expected. */
export class MillraceError extends Error {
  readonly code: ErrorCode
  readonly details: unknown

  constructor(code: ErrorCode, message: string, options: MillraceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'MillraceError'
    this.code = code
    this.details = options.details
  }

  get status(): number {
    return ERROR_CATALOGUE[this.code].status
  }

  get exitCode(): number {
    return ERROR_CATALOGUE[this.code].exit
  }
}

/** What the operating system said, in the catalogue's words; any other error is INTERNAL and keeps its cause. */
export function toMillraceError(error: unknown, doing = ''): MillraceError {
  if (error instanceof MillraceError) return error
  const prefix = doing ? `${doing}: ` : ''
  const message = errorMessage(error)
  switch (errnoCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new MillraceError('DISK_FULL', `${prefix}no space is left on the device (${message})`, { cause: error })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new MillraceError('NOT_WRITABLE', `${prefix}permission denied (${message})`, { cause: error })
    case 'ECONNREFUSED':
    case 'ECONNRESET':
    case 'UND_ERR_SOCKET':
      return new MillraceError('UNAVAILABLE', `${prefix}nobody answers (${message}); are the services running? \`millrace up\` starts them`, { cause: error })
    case 'ENOENT':
      return new MillraceError('NOT_FOUND', `${prefix}${message}`, { cause: error })
    default:
      if (codeOf(error) !== 'INTERNAL') return new MillraceError(codeOf(error), message, { cause: error })
      // node:sqlite reports a full disk as SQLITE_FULL (13), and as SQLITE_IOERR variants where the write itself fails.
      if (/database or disk is full/i.test(message)) {
        return new MillraceError('DISK_FULL', `${prefix}no space is left on the device (${message})`, { cause: error })
      }
      return new MillraceError('INTERNAL', `${prefix}${message}`, { cause: error })
  }
}

/** An error of the SDK carries the code that a service answered, which may be one of the catalogue's. */
function codeOf(error: unknown): ErrorCode {
  const code = errnoCode(error)
  return isCode(code) ? code : 'INTERNAL'
}

function isCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && Object.hasOwn(ERROR_CATALOGUE, code)
}

/** `ENOENT` and its kin, or undefined where the error is not the operating system's. */
export function errnoCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
