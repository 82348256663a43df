/** `GET /-/watermark` of every service. */
export interface Watermark {
  readonly service: string
  /** Its project time, RFC 3339. */
  readonly time: string
  readonly caught_up: boolean
  readonly waiting_for: readonly string[]
}
