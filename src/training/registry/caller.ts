import type { FastifyRequest } from 'fastify'
import { ACTOR_HEADER, REASON_HEADER, TIME_HEADER } from '../../api/tracking.ts'
import type { Clock } from '../../platform/clock/index.ts'
import { invalid } from '../mlflow/errors.ts'
import { LIMITS, checkLength } from '../mlflow/limits.ts'
import type { Mover } from './aliases.ts'

/** Who moves an alias, why and when, as the request's headers say. A simulated clock lets a request carry its own moment. */
export function moverOf(request: FastifyRequest, clock: Clock): Mover {
  return { actor: header(request, ACTOR_HEADER), reason: header(request, REASON_HEADER), time: momentOf(request, clock) }
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
