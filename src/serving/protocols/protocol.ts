import type { MillraceError } from '../../platform/errors/index.ts'
import type { ColumnSpec } from '../../domain/signature.ts'
import type { ModelKind } from '../runtime/outputs.ts'
import type { Prediction, Row } from '../runtime/plane.ts'

/** What a protocol does: it translates. Which model, which version, how rows become predictions, is not its affair. */
export interface Protocol {
  readonly name: string
  /** Throws BAD_REQUEST or INPUT_INVALID, saying what was found and what was expected. */
  readonly parse: (body: unknown, model: ModelShape) => ParsedBody
  readonly refuse: (error: MillraceError, requestId: string) => { readonly contentType: string; readonly body: string }
}

/** What a protocol may know of the model that answers. */
export interface ModelShape {
  readonly columns: readonly ColumnSpec[]
  readonly kind: ModelKind
}

export interface ParsedBody {
  readonly rows: readonly Row[]
  /** The body's own request id, where the protocol has one. */
  readonly id?: string
  /** The body of the answer, as JSON. */
  readonly present: (prediction: Prediction, requestId: string) => string
}
