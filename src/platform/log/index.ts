import { pino, type Logger } from 'pino'

export type { Logger }

const SECRET_PATHS = ['authorization', 'cookie', 'password', 'secret', 'token', '*.authorization', '*.cookie', '*.password', '*.secret', '*.token', 'req.headers.authorization', 'req.headers.cookie']

/** JSON lines on standard output; the supervisor writes them to a file per service. Fields that carry secrets by name are redacted. */
export function createLogger(service: string, level = process.env.MILLRACE_LOG_LEVEL ?? 'info'): Logger {
  return pino({ level, base: { service }, redact: { paths: SECRET_PATHS, censor: '[redacted]' }, timestamp: pino.stdTimeFunctions.isoTime })
}
