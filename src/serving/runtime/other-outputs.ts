import { MillraceError } from '../../platform/errors/index.ts'
import type { Slice } from './batcher.ts'
import type { Job } from './row-model.ts'
import { elementsOf, fixedType } from './tensor/datatypes.ts'
import { elementJson, nestedJson } from './tensor/nested.ts'
import type { TensorMap } from './tensor/session.ts'
import type { TensorSpec } from './tensor/spec.ts'
import { type TensorValue, concatenate, countOf, slice } from './tensor/value.ts'

/** What was answered to a request by rows where that is no score for each of them. */
export interface OtherOutputs {
  /** By the names of the model's own outputs. */
  tensors(): TensorMap
  /** JSON of `predictions`, as MLflow's scoring server gives them. */
  predictions(): string
}

/** The outputs of one run, for some rows of one request. */
export interface OutputPart {
  /** Of the row, counted from the part's first. An output that has no row of its own for each row asked stands with the first. */
  row(at: number): TensorMap
}

/** Of an output that was a sequence of maps before its ZipMap was taken out: its classes, in the order of the columns. */
export type OutputClasses = ReadonlyMap<string, readonly string[]>

export class TensorPart implements OutputPart {
  readonly tensors: TensorMap
  readonly #whole: ReadonlySet<string>

  /** `whole` names the outputs that have no row for each row asked. */
  constructor(tensors: TensorMap, whole: ReadonlySet<string>) {
    this.tensors = tensors
    this.#whole = whole
  }

  row(at: number): TensorMap {
    const own = new Map<string, TensorValue>()
    for (const [name, value] of this.tensors) {
      if (!this.#whole.has(name)) own.set(name, slice(value, at, at + 1))
      else if (at === 0) own.set(name, value)
    }
    return own
  }
}

/** Gives each job the outputs of its own rows, and no scores. PREDICTION_FAILED where they cannot be told apart. */
export function share(outputs: TensorMap, slices: readonly Slice<Job>[], rows: number, whole: ReadonlySet<string>): void {
  for (const { job, from, to } of slices) job.scores.fill(Number.NaN, from, to)
  const alone = slices.length === 1 && slices[0]?.job.rows === rows
  for (const [name, { shape }] of outputs) {
    if (shape[0] !== rows && !(alone && whole.has(name))) throw new MillraceError('PREDICTION_FAILED', `output ${name} has shape [${shape.join(', ')}] for ${rows} rows`)
  }
  if (alone) {
    slices[0]?.job.parts?.push(new TensorPart(outputs, whole))
    return
  }
  let at = 0
  for (const { job, from, to } of slices) {
    const start = at
    at += to - from
    job.parts?.push(new TensorPart(new Map([...outputs].map(([name, value]) => [name, slice(value, start, at)])), whole))
  }
}

/** All of a request. `asRecords`: it was asked by the columns of a signature, and then MLflow answers a record for each row; else the outputs as they are. */
export function assemble({ parts, rows }: Pick<Job, 'parts' | 'rows'>, answers: readonly TensorSpec[], { asRecords, classes }: { readonly asRecords: boolean; readonly classes: OutputClasses }): OtherOutputs {
  const own = (parts ?? []).filter((part) => part instanceof TensorPart)
  const tensors: TensorMap = new Map(answers.map((spec) => [spec.name, own.length === 0 ? nothing(spec) : concatenate(own.map((part) => valueOf(part.tensors, spec.name)))]))
  return {
    tensors: () => tensors,
    predictions: () => (asRecords ? recordsJson(tensors, rows, classes) : byNameJson(tensors)),
  }
}

export function byNameJson(tensors: TensorMap): string {
  return `{${[...tensors].map(([name, value]) => `${JSON.stringify(name)}:${nestedJson(value)}`).join()}}`
}

function recordsJson(tensors: TensorMap, rows: number, classes: OutputClasses): string {
  const columns = [...tensors].map(([name, value]) => ({ key: `${JSON.stringify(name)}:`, cells: cellsOf(value, classes.get(name)) }))
  let text = ''
  for (let row = 0; row < rows; row++) text += `${row > 0 ? ',' : ''}{${columns.map(({ key, cells }) => key + cells(row)).join()}}`
  return `[${text}]`
}

/** Of one row: a value, a nested list, or a probability for each class. A column [N, 1] gives bare values, as a table has them. */
function cellsOf(value: TensorValue, classes: readonly string[] | undefined): (row: number) => string {
  const width = countOf(value.shape.slice(1))
  const bare = value.shape.length === 1 || (value.shape.length === 2 && width === 1)
  if (!bare && !classes) return (row) => nestedJson({ ...slice(value, row, row + 1), shape: value.shape.slice(1) })
  const elements = elementsOf(value.data, value.datatype)
  if (!classes) return (row) => elementJson(elements[row])
  const keys = classes.map((name) => `${JSON.stringify(name)}:`)
  return (row) => `{${keys.map((key, i) => key + elementJson(elements[row * width + i])).join()}}`
}

function valueOf(tensors: TensorMap, name: string): TensorValue {
  const value = tensors.get(name)
  if (value) return value
  throw new MillraceError('PREDICTION_FAILED', `the model gave no tensor ${name}`)
}

/** The answer to no rows. */
function nothing({ datatype, shape }: TensorSpec): TensorValue {
  return { datatype, shape: [0, ...shape.slice(1).map((size) => Math.max(size, 0))], data: fixedType(datatype)?.make(0) ?? [] }
}
