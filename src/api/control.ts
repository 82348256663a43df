/**
 * `NAME STATE`: the project's name and, percent-encoded, the folder with its services' state. In an answer: which project the service belongs to. In a request:
 * which project it is meant for; a service of another one refuses it with 421 PROJECT_MISMATCH. Predictions are answered without it, and whatever it says.
 */
export const PROJECT_HEADER = 'x-millrace-project'

/** `GET /-/watermark` of every service. */
export interface Watermark {
  readonly service: string
  /** Its project time, RFC 3339. */
  readonly time: string
  readonly caught_up: boolean
  readonly waiting_for: readonly string[]
}
