import type { IncomingHttpHeaders } from 'node:http'
import type { MillraceError } from '../../platform/errors/index.ts'
import type { Recipient } from '../limits/recipient.ts'
import type { ColumnSpec } from '../../domain/signature.ts'
import type { ModelKind } from '../runtime/outputs.ts'
import type { Prediction, Row } from '../runtime/plane.ts'
import type { TensorPrediction } from '../runtime/tensor/plane.ts'
import type { TensorSpec } from '../runtime/tensor/spec.ts'
import type { TensorInterface, TensorMap } from '../runtime/tensor/session.ts'

/** What a protocol does: it translates. Which model, which version, how rows become predictions, is not its affair. */
export interface Protocol {
  readonly name: string
  /** Looked at before the body is read. Throws UNSUPPORTED_MEDIA_TYPE, saying which are expected. */
  readonly accept: (contentType: string | undefined) => void
  /** Of a body that has raw tensors behind its JSON: bytes of that JSON. Undefined for one that is parsed whole, as those of other protocols are. */
  readonly jsonBytes?: (headers: IncomingHttpHeaders) => number | undefined
  /** Throws BAD_REQUEST or INPUT_INVALID, saying what was found and what was expected. */
  readonly parse: (body: ReceivedBody, model: ModelShape) => ParsedBody | Promise<ParsedBody>
  readonly refuse: (error: MillraceError, requestId: string) => { readonly contentType: string; readonly body: string }
}

export interface ReceivedBody {
  readonly bytes: Buffer
  readonly headers: IncomingHttpHeaders
  /** Rows of one request at most: what has more is refused before rows are made of it. */
  readonly maxRows: number
  /** Who waits: what nobody waits for any more need not be read to its end. */
  readonly recipient?: Recipient
}

/** What a protocol may know of the model that answers: how it is asked by rows, by tensors, or by both. */
export interface ModelShape {
  readonly rows: RowShape | null
  readonly tensors: TensorInterface | null
  /** Requests by tensors go together along the first axis up to so many; 1: that axis is no batch, as far as is known. */
  readonly batch: number
  /** `rows`; INPUT_INVALID where there are none. */
  readonly byRows: RowShape
}

export interface RowShape {
  readonly columns: readonly ColumnSpec[]
  /** Whether a signature has the columns, rather than the shapes of the ONNX inputs. */
  readonly signed: boolean
  readonly kind: ModelKind
  /** Outputs of the Open Inference Protocol where the request is by columns. */
  readonly answers: readonly TensorSpec[]
}

interface Identified {
  /** The body's own request id, where the protocol has one. */
  readonly id?: string
  /** Milliseconds that the body gives for the answer, where the protocol has such a thing. */
  readonly timeoutMs?: number
}

/** The answer over HTTP: JSON where it is text. */
export type HttpAnswer = string | BinaryAnswer

export interface ParsedRows<A = HttpAnswer> extends Identified {
  readonly rows: readonly Row[]
  /** For the model, beside its rows. */
  readonly params?: Row | undefined
  /** What the rows are worth, where the body was so much smaller that it says nothing of what waits in the queue. */
  readonly bytes?: number
  readonly present: (prediction: Prediction, requestId: string) => A
}

export interface ParsedTensors<A = HttpAnswer> extends Identified {
  readonly tensors: TensorMap
  readonly fetch: readonly string[]
  readonly present: (prediction: Pick<TensorPrediction, 'model' | 'version' | 'outputs'>, requestId: string) => A
}

export type ParsedBody<A = HttpAnswer> = ParsedRows<A> | ParsedTensors<A>

export interface BinaryAnswer {
  readonly body: Buffer
  /** Name, value, name, value …: `Content-Type` among them. */
  readonly headers: readonly string[]
}
