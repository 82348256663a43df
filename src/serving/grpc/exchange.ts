import { Metadata, type ServerUnaryCall, type sendUnaryData, status as statusNames } from '@grpc/grpc-js'
import { toMillraceError } from '../../platform/errors/index.ts'
import { requestId } from '../../platform/http/index.ts'
import type { RequestSpan } from '../../platform/tracing/index.ts'
import { type CallerQuota, type QuotaState, rateLimit } from '../limits/quota.ts'
import { ARM_HEADER, type ExchangeOptions, logRefusal, retryAfterOf } from '../protocols/exchange.ts'
import type { Answered, Question } from '../protocols/predict.ts'
import type { ModelShape, ParsedBody } from '../protocols/protocol.ts'
import { parseTensors } from '../protocols/v2/ask.ts'
import { Wishes } from '../protocols/v2/wishes.ts'
import type { Assignment } from '../rollout/split.ts'
import type { InferRequest, InferResponse } from './messages.ts'
import { bytesOf, tensorsOf, wishesOf } from './request.ts'
import { presenter } from './response.ts'
import { toStatus } from './status.ts'

type InferCall = ServerUnaryCall<InferRequest, InferResponse>

/** What a client that retries by gRPC's own policy waits for (grpc/proposal: A6-client-retries.md). */
const PUSHBACK_KEY = 'grpc-retry-pushback-ms'
const METHOD = 'inference.GRPCInferenceService/ModelInfer'

/** A call of ModelInfer and its one answer. */
export class CallExchange implements Question<InferResponse> {
  readonly #call: InferCall
  readonly #callback: sendUnaryData<InferResponse>
  readonly #options: Pick<ExchangeOptions, 'metrics' | 'log' | 'tracing'>
  readonly #started = performance.now()
  readonly bytes: number
  readonly span: RequestSpan | null
  id: string
  model = ''
  assignment: Assignment | null = null
  deadline: number
  #answered = false
  #rate: { readonly quota: CallerQuota; readonly state: QuotaState } | null = null

  constructor(call: InferCall, callback: sendUnaryData<InferResponse>, options: Pick<ExchangeOptions, 'metrics' | 'log' | 'tracing'>) {
    this.#call = call
    this.#callback = callback
    this.#options = options
    this.bytes = bytesOf(call.request)
    this.id = requestId(this.header('x-request-id'))
    this.span = options.tracing && options.tracing.rpc({ method: METHOD, header: (name) => this.header(name), requestId: this.id })
    // The clock of a deadline is the wall's.
    this.deadline = performance.now() + (Number(call.getDeadline()) - Date.now())
  }

  /** Past its deadline, given up by the caller, or answered. */
  get gone(): boolean {
    return this.#answered || this.#call.cancelled
  }

  get address(): string {
    return this.#call.getPeer().replace(/:\d+$/, '')
  }

  header(name: string): string | undefined {
    const [value] = this.#call.metadata.get(name)
    return typeof value === 'string' ? value : undefined
  }

  parse(model: ModelShape, maxRows: number): ParsedBody<InferResponse> {
    const { request } = this.#call
    const { id, raw_input_contents: raw } = request
    return parseTensors(model, { inputs: tensorsOf(request), wishes: new Wishes(wishesOf(request)), id: id === '' ? undefined : id, maxRows }, presenter(raw.length > 0))
  }

  counted(quota: CallerQuota, state: QuotaState): void {
    this.#rate = { quota, state }
  }

  answer({ answer, version, metrics }: Answered<InferResponse>): void {
    if (this.#answered) return
    this.#answered = true
    const headers = new Metadata()
    headers.set('x-request-id', this.id)
    headers.set('x-millrace-model-version', version)
    if (this.assignment) headers.set(ARM_HEADER.toLowerCase(), this.assignment.meter.arm)
    this.#sayRate(headers)
    this.#call.sendMetadata(headers)
    this.#callback(null, answer)
    const seconds = (performance.now() - this.#started) / 1000
    metrics.duration.observe(seconds)
    this.assignment?.meter.answered(seconds)
    this.span?.answered('OK')
  }

  refuse(error: unknown): void {
    if (this.#answered) return
    this.#answered = true
    const known = toMillraceError(error)
    const { metrics, log } = this.#options
    if (known.status >= 500) logRefusal(log, error, known, this)
    metrics.failed(this.model, known.code)
    this.assignment?.meter.failed(known.code)
    const status = toStatus(known, this.id)
    this.span?.answered(statusNames[status.code ?? statusNames.UNKNOWN] ?? 'UNKNOWN', known.code)
    const retryAfter = retryAfterOf(known)
    if (status.metadata && retryAfter !== undefined) status.metadata.set(PUSHBACK_KEY, String(retryAfter * 1000))
    if (status.metadata) this.#sayRate(status.metadata)
    this.#callback(status)
  }

  #sayRate(metadata: Metadata): void {
    if (!this.#rate) return
    metadata.set('ratelimit-policy', this.#rate.quota.policy)
    metadata.set('ratelimit', rateLimit(this.#rate.state))
  }
}
