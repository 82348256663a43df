import { setTimeout as sleep } from 'node:timers/promises'

/** Thrice what a step of a load should hold the event loop at most (RUN_LIMIT_MS): with less, requests that a step held up are still being answered when the next one begins. */
const PAUSE_MS = 3

/**
 * Between two steps of loading a model: the event loop is left to requests, so that one that came meanwhile waits for a step and not for the whole load. A turn of
 * the loop alone would not do: a request needs several of them, and would wait for a step in each.
 */
export function giveWay(): Promise<void> {
  return sleep(PAUSE_MS)
}
