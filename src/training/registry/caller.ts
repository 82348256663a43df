import type { FastifyRequest } from 'fastify'
import { ACTOR_HEADER, REASON_HEADER, TIME_HEADER } from '../../api/tracking.ts'
import type { Clock } from '../../platform/clock/index.ts'
import { invalid } from '../mlflow/errors.ts'
import { LIMITS, checkLength } from '../mlflow/limits.ts'

/** Who asks for a change, why, when and from where, as the request says. */
export interface Caller {
  /** As the caller names itself; undefined where it does not. */
  readonly actor: string | undefined
  readonly reason: string | undefined
  /** Project time, milliseconds. */
  readonly time: number
  /** Address that the request came from. */
  readonly remote: string
}

export const UNKNOWN_ACTOR = 'anonymous'

/** A simulated clock lets a request carry its own moment. */
export function callerOf(request: FastifyRequest, clock: Clock): Caller {
  return {
    actor: header(request, ACTOR_HEADER) ?? basicUser(request),
    reason: header(request, REASON_HEADER),
    time: momentOf(request, clock),
    remote: request.ip,
  }
}

/** What every event of a change says. */
export function author({ actor, reason }: Caller): { readonly actor: string; readonly reason: string } {
  return { actor: actor ?? UNKNOWN_ACTOR, reason: reason ?? '' }
}

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  if (typeof value !== 'string' || value === '') return undefined
  try {
    const text = decodeURIComponent(value)
    checkLength(text, LIMITS.tagValue, name)
    return text
  } catch (error) {
    if (error instanceof URIError) throw invalid(`${name}: expected URL-encoded text, found ${JSON.stringify(value.slice(0, 100))}`)
    throw error
  }
}

/** MLflow's clients send MLFLOW_TRACKING_USERNAME this way: so an unmodified client can say who it is. Nobody has checked the password. */
function basicUser(request: FastifyRequest): string | undefined {
  const [, encoded] = /^Basic ([A-Za-z0-9+/]+=*)$/i.exec(request.headers.authorization ?? '') ?? []
  if (encoded === undefined) return undefined
  const [user] = Buffer.from(encoded, 'base64').toString('utf8').split(':')
  return user === undefined || user === '' || user.length > LIMITS.key ? undefined : user
}

function momentOf(request: FastifyRequest, clock: Clock): number {
  const value = request.headers[TIME_HEADER]
  if (!clock.simulated || typeof value !== 'string') return clock.project().getTime()
  return parseTime(value, TIME_HEADER)
}

/** RFC 3339, or milliseconds since 1970. */
export function parseTime(value: string, field: string): number {
  const time = /^\d{1,15}$/.test(value) ? Number(value) : Date.parse(value)
  if (Number.isNaN(time)) throw invalid(`Invalid value ${JSON.stringify(value)} for parameter '${field}' supplied: expected an RFC 3339 time`)
  return time
}
