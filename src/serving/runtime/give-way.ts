import { setTimeout as sleep } from 'node:timers/promises'

/** As long as a step of a load may hold the event loop, milliseconds (RUN_LIMIT_MS). */
const PAUSE_MS = 1

/**
 * Between two steps of loading a model: the event loop is left to requests, so that one that came meanwhile waits for a step and not for the whole load. A turn of
 * the loop alone would not do: a request needs several of them, and would wait for a step in each.
 */
export function giveWay(): Promise<void> {
  return sleep(PAUSE_MS)
}
