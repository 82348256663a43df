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

/** Milliseconds: a deadline that is further away is looked at that often, without a timer of its own. */
const SOON_MS = 1000
const SWEEP_MS = 20

const far = new Set<Recipient>()
let sweeping: NodeJS.Timeout | undefined

/** Refuses at the deadline, whatever is being waited for then. Returns what takes that back. Most answers come long before, so that what waits long costs little. */
export function expireAt(recipient: Recipient): NodeJS.Timeout | Recipient | undefined {
  const { deadline } = recipient
  if (deadline === Number.POSITIVE_INFINITY) return undefined
  const left = deadline - performance.now()
  if (left <= SOON_MS) return setTimeout(() => recipient.refuse(timedOut()), Math.max(1, left))
  far.add(recipient)
  sweeping ??= setInterval(sweep, SWEEP_MS).unref()
  return recipient
}

/** Takes back what `expireAt` returned. */
export function keep(expiry: ReturnType<typeof expireAt>): void {
  if (expiry === undefined) return
  if ('deadline' in expiry) far.delete(expiry)
  else clearTimeout(expiry)
}

function sweep(): void {
  if (far.size === 0) {
    clearInterval(sweeping)
    sweeping = undefined
    return
  }
  const now = performance.now()
  for (const recipient of far) {
    if (now < recipient.deadline) continue
    far.delete(recipient)
    recipient.refuse(timedOut())
  }
}

function timedOut(): MillraceError {
  return new MillraceError('TIMEOUT', 'the request was not answered within its time')
}
