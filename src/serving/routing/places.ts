import type { Place } from '../runtime/session/port.ts'

/** Where a model may run to be in each worker. What runs beside the service, as Python models do, is there once, and the service asks it. */
export const IN_WORKERS: ReadonlySet<Place> = new Set(['loop', 'thread'])
