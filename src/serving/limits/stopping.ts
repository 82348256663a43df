import { type ProjectConfig, durationMs } from '../../domain/config.ts'

/** What was accepted has so long to be answered once nothing new is, milliseconds. */
export const ANSWER_MS = 10_000
/** Beside that at most: connections that workers have to take yet, their last lines and the journal's, what is being loaded. */
const CLOSE_MS = 10_000

/** From the signal to the end, milliseconds: whoever would end serving by force waits longer. */
export function servingStopMs({ services }: Pick<ProjectConfig, 'services'>): number {
  return durationMs(services.serving.drain) + ANSWER_MS + CLOSE_MS
}
