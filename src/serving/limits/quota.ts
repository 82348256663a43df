import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { MillraceError } from '../../platform/errors/index.ts'
import { withoutStack } from './admission.ts'

export interface QuotaOptions {
  /** Requests of one caller within the window. */
  readonly requests: number
  readonly windowMs: number
  /** `address`, or the header that names the caller. */
  readonly caller: string
}

/** What the headers of an answer say of a caller's quota. */
export interface QuotaState {
  readonly allowed: boolean
  readonly remaining: number
  /** Seconds until there is more. */
  readonly reset: number
}

/** A quota as requests meet it: counted here, or by another process for all. */
export interface CallerQuota {
  readonly policy: string
  /** Callers remembered here. */
  readonly callers: number
  callerOf(request: { header(name: string): string | undefined }, address: string | undefined): string
  take(caller: string, now: number): QuotaState | Promise<QuotaState>
}

/** Callers remembered; a few megabytes at most. One that has not come for as long as this many others is forgotten, its quota then full. */
const CALLERS = 10_000

/**
 * How many requests each caller may make: the generic cell rate algorithm (ITU-T I.371, ATM Forum Traffic Management 4.0: virtual scheduling), which
 * keeps one number for a caller, lets the whole quota be used in a burst and gives it back evenly. By wall time of this process: `now` is that of performance.now().
 */
export class Quota implements CallerQuota {
  readonly policy: string
  readonly #options: QuotaOptions
  readonly #interval: number
  /** When a caller's quota will be full again. */
  readonly #full = new LRUCache<string, number>({ max: CALLERS })

  constructor(options: QuotaOptions) {
    this.#options = options
    this.#interval = options.windowMs / options.requests
    this.policy = `"requests";q=${options.requests};w=${Math.ceil(options.windowMs / 1000)}`
  }

  get callers(): number {
    return this.#full.size
  }

  /** Whom a request counts for. What a header says is kept as its hash: it may be a key, and of any length. */
  callerOf(request: { header(name: string): string | undefined }, address: string | undefined): string {
    const { caller } = this.#options
    const named = caller === 'address' ? undefined : request.header(caller)
    return named === undefined || named === '' ? `address ${address ?? ''}` : hash('sha256', named, 'base64')
  }

  take(caller: string, now: number): QuotaState {
    const { windowMs } = this.#options
    const full = Math.max(this.#full.get(caller) ?? 0, now)
    const next = full + this.#interval
    // Within rounding of the window: a hundred thousand intervals must be one.
    const allowed = next - now <= windowMs * (1 + 1e-9)
    if (allowed) this.#full.set(caller, next)
    const used = (allowed ? next : full) - now
    const remaining = Math.max(0, Math.floor((windowMs - used) / this.#interval + 1e-6))
    const untilMore = used - (windowMs - (remaining + 1) * this.#interval)
    return { allowed, remaining, reset: Math.max(1, Math.ceil(untilMore / 1000)) }
  }
}

/** The field `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11). */
export function rateLimit({ remaining, reset }: QuotaState): string {
  return `"requests";r=${remaining};t=${reset}`
}

export function quotaExceeded(model: string, { policy }: CallerQuota, { reset }: QuotaState): MillraceError {
  return withoutStack(() => new MillraceError('QUOTA_EXCEEDED', `the quota for ${model} is used up (${policy}); there is more in ${reset} s`, { details: { retry_after: reset } }))
}
