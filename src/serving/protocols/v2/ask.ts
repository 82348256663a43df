import type { Prediction } from '../../runtime/plane.ts'
import type { TensorPrediction } from '../../runtime/tensor/plane.ts'
import type { TensorInterface } from '../../runtime/tensor/session.ts'
import type { TensorValue } from '../../runtime/tensor/value.ts'
import type { ModelShape, ParsedBody, ParsedRows, ParsedTensors, RowShape } from '../protocol.ts'
import { badRequest, rowsFromColumns } from '../shapes.ts'
import { columnsOf } from './columns.ts'
import { timeoutParameter } from '../../limits/timeout.ts'
import { type Answered, type OutputAsked, outputsAsked, rowTensors } from './outputs.ts'
import type { ReceivedTensor } from './received.ts'
import { parametersOf } from './request.ts'
import { modelTensors, namesTensors } from './tensors.ts'

const FIT_ID = /^[\w.:\-/]{1,128}$/

/** Writes an answer in the form of one transport. */
export type Presenter<A> = (answered: Answered, asked: readonly OutputAsked[], valueOf: (name: string) => TensorValue, requestId: string) => A

/** A request of the protocol, as it came by any transport. */
export interface TensorQuestion {
  readonly inputs: readonly ReceivedTensor[]
  /** `outputs` and `parameters`, as the protocol's JSON has them. */
  readonly wishes: Readonly<Record<string, unknown>>
  /** Its own; is echoed, and one that fits names the request. */
  readonly id: string | undefined
  /** Rows that it may have where it asks by columns. */
  readonly maxRows: number
}

/** What a request asks of a model: of the model's own tensors, or of the columns that it is asked by. */
export function parseTensors<A>(model: ModelShape, question: TensorQuestion, present: Presenter<A>): ParsedBody<A> {
  const { tensors, rows } = model
  const { id, inputs, wishes } = question
  const own = tensors && (rows === null || namesTensors(tensors, inputs))
  const write: Presenter<A> = id === undefined ? present : (answered, asked, valueOf) => present(answered, asked, valueOf, id)
  const parsed = own ? askTensors(tensors, inputs, wishes, write) : askRows(model.byRows, question, write)
  const timeoutMs = timeoutParameter(parametersOf(wishes, '')['timeout'])
  return { ...parsed, ...(id !== undefined && FIT_ID.test(id) ? { id } : {}), ...(timeoutMs === undefined ? {} : { timeoutMs }) }
}

function askTensors<A>(tensors: TensorInterface, received: readonly ReceivedTensor[], request: Readonly<Record<string, unknown>>, present: Presenter<A>): ParsedTensors<A> {
  const asked = outputsAsked(tensors.outputs, request)
  const valueOf = ({ outputs }: Pick<TensorPrediction, 'outputs'>) => (name: string) => {
    const value = outputs.get(name)
    if (value) return value
    throw badRequest(`there is no output ${name}`)
  }
  return {
    tensors: modelTensors(tensors, received),
    fetch: [...new Set(asked.map(({ name }) => name))],
    present: (prediction, requestId) => present(prediction, asked, valueOf(prediction), requestId),
  }
}

function askRows<A>({ columns, answers }: RowShape, { inputs, wishes, maxRows }: TensorQuestion, present: Presenter<A>): ParsedRows<A> {
  const lists = columnsOf(inputs, new Set(columns.map((column) => column.name)), maxRows)
  const [first] = lists
  for (const [name, list] of lists) {
    if (list.length !== first?.[1].length) throw badRequest(`input ${name} has ${list.length} rows, input ${first?.[0]} has ${first?.[1].length}`)
  }
  const asked = outputsAsked(answers, wishes)
  return { rows: rowsFromColumns(lists), present: (prediction: Prediction, requestId) => present(prediction, asked, rowTensors(prediction), requestId) }
}
