import { type ProjectConfig, durationMs } from '../domain/config.ts'
import type { ServiceName } from '../platform/config/names.ts'

/** For what a service does at its end: close databases, the journal, processes that it started. */
const ORDERLY_MS = 8000
/** What serving accepted has so long to be answered; a worker of its own some seconds more. */
const ANSWERS_MS = 15_000
/** By how much a supervisor is more patient than the service with itself. */
const MARGIN_MS = 2000

/** Milliseconds that an orderly stop of the service may take, before its process goes anyway. */
export function stopPatienceMs(name: ServiceName, { services }: Pick<ProjectConfig, 'services'>): number {
  return name === 'serving' ? durationMs(services.serving.drain) + ANSWERS_MS + ORDERLY_MS : ORDERLY_MS
}

/** After which the supervisor kills it. */
export function killAfterMs(name: ServiceName, config: Pick<ProjectConfig, 'services'>): number {
  return stopPatienceMs(name, config) + MARGIN_MS
}
