/** `GET /events/verify` at the gateway, and what `millrace events verify` finds. */
export interface Verification {
  readonly ok: boolean
  readonly events: number
  /** Lines of heads.ndjson. */
  readonly heads: number
  readonly sources: readonly VerifiedSource[]
  /** What concerns no single source, in words. */
  readonly problems: readonly string[]
}

export interface VerifiedSource {
  readonly source: string
  readonly events: number
  /** Its last event in the log, and that event's hash. */
  readonly seq: number
  readonly hash: string
  /** Up to where a signed head vouches for it; what follows is signed within about a second. */
  readonly signed_seq: number
  readonly problems: readonly string[]
}
