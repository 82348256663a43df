import { MillraceError } from '../../platform/errors/index.ts'

/** Who waits for an answer, and until when. */
export interface Recipient {
  /** By performance.now(); Infinity where nobody said so. */
  readonly deadline: number
  /** Whether the connection or call has ended, or has been answered already. */
  readonly gone: boolean
  /** Answers with an error; does nothing once there is an answer. */
  refuse(error: MillraceError): void
}

/** Why an answer is not worth computing: CANCELLED or TIMEOUT. Undefined while somebody waits for it. */
export function unwanted({ deadline, gone }: Recipient, now: number): MillraceError | undefined {
  if (now >= deadline) return timedOut()
  return gone ? new MillraceError('CANCELLED', 'nobody waits for this request any more') : undefined
}

/** Refuses at the deadline, whatever is being waited for then. Returns what takes that back. */
export function expireAt(recipient: Recipient): NodeJS.Timeout | undefined {
  const { deadline } = recipient
  if (deadline === Number.POSITIVE_INFINITY) return undefined
  return setTimeout(() => recipient.refuse(timedOut()), Math.max(1, Math.min(deadline - performance.now(), LONGEST_TIMER_MS)))
}

const LONGEST_TIMER_MS = 2 ** 31 - 1

function timedOut(): MillraceError {
  return new MillraceError('TIMEOUT', 'the request was not answered within its time')
}
