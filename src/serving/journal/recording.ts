import { hash } from 'node:crypto'
import { type RecordingConfig, durationMs } from '../../domain/config.ts'
import { type Mask, type MaskOptions, maskOf } from './mask.ts'

/** How the predictions of one deployment are written down. */
export interface Recording {
  readonly mode: 'strict' | 'relaxed'
  /** Relaxed: what a kill can lose, in time and in bytes. */
  readonly windowMs: number
  readonly windowBytes: number
  /** Share of requests that are recorded whole. */
  readonly sample: number
  readonly mask: Mask | null
}

export const WHOLE_AND_STRICT: Recording = { mode: 'strict', windowMs: 0, windowBytes: 0, sample: 1, mask: null }

export function recordingOf(config: RecordingConfig, options: MaskOptions): Recording {
  return { mode: config.mode, windowMs: durationMs(config.window), windowBytes: config.window_bytes, sample: config.sample, mask: maskOf(config.mask, options) }
}

/**
 * Whether a request is recorded whole: the first 32 bits of the SHA-256 of its id, as a share of 2³², lie below `sample`. So anybody can tell afterwards which
 * requests were chosen, a request that is sent again is chosen again, and who is in a sample of 1 % is in one of 10 % too.
 */
export function isSampled(requestId: string, sample: number): boolean {
  if (sample >= 1) return true
  return sample > 0 && hash('sha256', requestId, 'buffer').readUInt32BE(0) < sample * 0x1_0000_0000
}

const LONGEST_CALLER = 128

/** Who called, from X-Millrace-Actor (URL-encoded): a name or the id of a key, as the gateway or the caller gives it; never a secret. */
export function callerOf(header: string | string[] | undefined): string | undefined {
  if (typeof header !== 'string' || header === '') return undefined
  return decoded(header).slice(0, LONGEST_CALLER)
}

function decoded(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch (error) {
    // Kept as it came: a claim in another encoding is still worth more than none.
    if (error instanceof URIError) return text
    throw error
  }
}

/**
 * The members that each line of a request ends with: the arm of a rollout that it was assigned to (`exposure` is JSON), who called, the share that requests are sampled
 * at, and the mark of a probe, which comes last since the monitor looks for it there.
 */
export function requestMembers(request: { readonly exposure?: string | undefined; readonly caller?: string | undefined; readonly probe: boolean }, { sample }: Recording): string {
  const { exposure, caller, probe } = request
  return `${exposure === undefined ? '' : `,"exposure":${exposure}`}${caller === undefined ? '' : `,"caller":${JSON.stringify(caller)}`}${sample < 1 ? `,"sample":${sample}` : ''}${probe ? ',"probe":true' : ''}`
}
