import { timeOf } from '../../domain/moment.ts'
import type { Clock } from '../../platform/clock/index.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { Span } from '../../platform/tracing/index.ts'
import { callerOf } from '../journal/recording.ts'
import { type Recipient, expireAt, unwanted } from '../limits/recipient.ts'
import { TIMEOUT_HEADER, timeoutOf } from '../limits/timeout.ts'
import type { Located } from '../routing/locate.ts'
import type { Assignment } from '../rollout/split.ts'
import type { VersionMetrics } from '../runtime/metrics.ts'
import type { DataPlane, Target } from '../runtime/plane.ts'
import type { Traced } from '../runtime/spans.ts'
import type { ModelShape, ParsedBody } from './protocol.ts'

/** A request for a prediction, whichever transport brought it. */
export interface Question<A> extends Recipient, Traced {
  /** The request's; what the body says counts where no header does. */
  id: string
  /** The deployment that was meant, once it is known: a label of metrics, so never what a caller made up. */
  model: string
  /** Where a rollout is on, and the request names no version. */
  assignment: Assignment | null
  deadline: number
  /** Of its body or message. */
  readonly bytes: number
  /** `maxRows`: of a request by rows, at most. */
  parse(model: ModelShape, maxRows: number): ParsedBody<A> | Promise<ParsedBody<A>>
}

export interface Answered<A> {
  readonly answer: A
  readonly version: string
  readonly metrics: VersionMetrics
}

/** From the request to its answer in the transport's form: which version, translated, predicted, translated back. TIMEOUT and CANCELLED where nobody waits for it any more. */
export async function predict<A>({ plane, clock }: { readonly plane: DataPlane; readonly clock: Clock }, question: Question<A>, located: Located): Promise<Answered<A>> {
  const { deployment, reference } = located
  if (deployment.declared) question.model = deployment.name
  const { timeoutMs } = deployment
  limitTime(question, Math.min(timeoutOf(question.header(TIMEOUT_HEADER)) ?? timeoutMs, timeoutMs))
  const split = reference === undefined ? deployment.split : null
  const aimed = split?.preferred((name) => question.header(name)) ?? (reference === undefined ? deployment.target() : deployment.at(reference))
  let target = aimed instanceof Promise ? await inTime(question, plane.entrance.whileLoading(aimed, question.bytes)) : aimed
  question.model = deployment.name
  if (question.span) nameModel(question.span, deployment.name, target)
  const parsing = question.parse(target.model, deployment.limits.maxRows)
  let parsed = parsing instanceof Promise ? await inTime(question, whileHeld(target, parsing)) : parsing
  if (parsed.id !== undefined && question.header('x-request-id') === undefined) question.id = parsed.id
  if (parsed.timeoutMs !== undefined) limitTime(question, parsed.timeoutMs)
  if (split !== null) {
    const read = target.model
    question.assignment = split.assign(deployment.target(), { id: question.id, header: (name) => question.header(name), parsed })
    target = question.assignment.target
    if (target.model !== read) parsed = await whileHeld(target, question.parse(target.model, deployment.limits.maxRows))
    question.span?.set({ 'millrace.version': target.model.version, 'millrace.alias': target.alias, 'millrace.rollout.arm': question.assignment.meter.arm })
  }
  question.span?.set({ 'millrace.rows': rowsOf(parsed) })
  const reason = unwanted(question, performance.now())
  if (reason) throw reason
  const { id, bytes } = question
  const asked = {
    id,
    bytes,
    recipient: question,
    traced: question,
    time: timeOfRequest(clock, question.header('x-millrace-time')),
    probe: question.header('x-millrace-probe') === 'true',
    caller: callerOf(question.header('x-millrace-actor')),
    exposure: question.assignment?.exposure,
  }
  const timer = expireAt(question)
  try {
    if ('tensors' in parsed) {
      const { tensors: inputs, fetch } = parsed
      const prediction = await plane.tensors.infer(deployment, target, { ...asked, inputs, fetch })
      return { answer: parsed.present(prediction, id), version: prediction.version, metrics: prediction.metrics }
    }
    const prediction = await plane.predict(deployment, target, { ...asked, rows: parsed.rows, params: parsed.params, bytes: Math.max(bytes, parsed.bytes ?? 0) })
    return { answer: parsed.present(prediction, id), version: prediction.version, metrics: prediction.metrics }
  } finally {
    clearTimeout(timer)
  }
}

/** A version that is being loaded, or a file that is read, may take longer than the caller waits: that is told in time, and the version is loaded all the same. */
async function inTime<T>(question: Recipient, loading: Promise<T>): Promise<T> {
  const timer = expireAt(question)
  try {
    return await loading
  } finally {
    clearTimeout(timer)
  }
}

/** Reading a file of rows takes time, in which the version may be swapped out: it must not be released before the rows reach it. */
async function whileHeld<T>({ model }: Target, reading: T | Promise<T>): Promise<T> {
  model.acquire()
  try {
    return await reading
  } finally {
    model.release()
  }
}

function nameModel(span: Span, name: string, { model, alias }: Target): void {
  span.set({ 'millrace.model': name, 'millrace.version': model.version, 'millrace.alias': alias })
}

function rowsOf<A>(parsed: ParsedBody<A>): number {
  if ('rows' in parsed) return parsed.rows.length
  const [first] = parsed.tensors.values()
  return first?.shape[0] ?? 1
}

/** The earliest of what was said counts. */
function limitTime(question: { deadline: number }, limitMs: number): void {
  question.deadline = Math.min(question.deadline, performance.now() + limitMs)
}

/** Where project time is simulated, a request says its own moment in X-Millrace-Time; else that means nothing. */
function timeOfRequest(clock: Clock, header: string | undefined): number {
  if (!clock.simulated || header === undefined) return clock.project().getTime()
  const time = timeOf(header)
  if (Number.isFinite(time)) return time
  throw new MillraceError('BAD_REQUEST', `X-Millrace-Time is ${JSON.stringify(header)}, expected an RFC 3339 time`)
}
