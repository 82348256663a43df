import { MillraceError } from '../../../platform/errors/index.ts'
import type { OtherOutputs, OutputPart } from '../other-outputs.ts'
import type { TensorMap } from '../tensor/session.ts'
import { type TensorValue, countOf } from '../tensor/value.ts'
import { convert } from '../tensor/convert.ts'

/** What `predictions` of MLflow's scoring server say of some rows of one request: a value for each, or something that has no rows. */
export class JsonPart implements OutputPart {
  readonly answer: { readonly rows: readonly unknown[] } | { readonly whole: unknown }

  constructor(answer: JsonPart['answer']) {
    this.answer = answer
  }

  row(at: number): TensorMap {
    if ('rows' in this.answer) return asTensors(this.answer.rows.slice(at, at + 1))
    return at === 0 ? asTensors(this.answer.whole) : new Map()
  }
}

/** All of a request, as the scoring server gave it. PREDICTION_FAILED where it came in parts that cannot be put together. */
export function joinAnswers(parts: readonly OutputPart[]): OtherOutputs {
  const answers = parts.flatMap((part) => (part instanceof JsonPart ? [part.answer] : []))
  const [first] = answers
  if (first && 'whole' in first && answers.length === 1) return { tensors: () => asTensors(first.whole), predictions: () => JSON.stringify(first.whole) }
  const rows = answers.flatMap((answer) => {
    if ('rows' in answer) return answer.rows
    throw new MillraceError('PREDICTION_FAILED', 'the model answered some rows of the request one by one and others as a whole')
  })
  return { tensors: () => asTensors(rows), predictions: () => JSON.stringify(rows) }
}

/** One number, or the one column of a table of predictions. */
export function numberOf(prediction: unknown): number | undefined {
  if (typeof prediction === 'number') return Number.isFinite(prediction) ? prediction : undefined
  if (typeof prediction === 'boolean') return Number(prediction)
  if (typeof prediction !== 'object' || prediction === null || Array.isArray(prediction)) return undefined
  const cells: readonly unknown[] = Object.values(prediction)
  return cells.length === 1 && typeof cells[0] !== 'object' ? numberOf(cells[0]) : undefined
}

/** By the names of a table's columns or of outputs; what has no name is `prediction`. */
export function asTensors(predictions: unknown): TensorMap {
  if (isObject(predictions)) return new Map(Object.entries(predictions).map(([name, value]) => [name, asTensor(value)]))
  if (!Array.isArray(predictions) || predictions.length === 0 || !predictions.every(isObject)) return new Map([['prediction', asTensor(predictions)]])
  const names = new Set(predictions.flatMap((row) => Object.keys(row)))
  return new Map([...names].map((name) => [name, asTensor(predictions.map((row) => row[name]))]))
}

/** Numbers, booleans or texts, in lists of one length each; anything else is the text of its JSON, by row. JSON does not tell 1.0 from 1: all numbers are FP64. */
function asTensor(value: unknown): TensorValue {
  const shape: number[] = []
  let elements: readonly unknown[] = [value]
  while (elements.length > 0 && elements.every(Array.isArray)) {
    const [{ length } = []] = elements
    if (elements.some((list) => list.length !== length)) break
    shape.push(length)
    elements = elements.flat(1)
  }
  // No list is a list of one.
  const sized = shape.length === 0 ? [1] : shape
  const datatype = elements.every(isNumber) ? 'FP64' : elements.every((one) => typeof one === 'boolean') ? 'BOOL' : 'BYTES'
  if (datatype !== 'BYTES') return { datatype, shape: sized, data: convert(elements.map((one) => one ?? Number.NaN), datatype, 'predictions') }
  const cells = countOf(sized) === elements.length ? elements : Array.isArray(value) ? value : [value]
  return { datatype, shape: cells === elements ? sized : [cells.length], data: cells.map((one: unknown) => (typeof one === 'string' ? one : (JSON.stringify(one) ?? 'null'))) }
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' || value === null
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
