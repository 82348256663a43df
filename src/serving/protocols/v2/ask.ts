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

/**
 * What a request asks of a model, whichever transport brought it: of the model's own tensors, or of the columns that it is asked by. `request` has `outputs` and
 * `parameters` as the protocol's JSON has them. Its own `id` is echoed; one that fits names the request.
 */
export function parseTensors<A>(model: ModelShape, received: readonly ReceivedTensor[], request: Readonly<Record<string, unknown>>, present: Presenter<A>, id: string | undefined): ParsedBody<A> {
  const { tensors, rows } = model
  const own = tensors && (rows === null || namesTensors(tensors, received))
  const write: Presenter<A> = id === undefined ? present : (answered, asked, valueOf) => present(answered, asked, valueOf, id)
  const parsed = own ? askTensors(tensors, received, request, write) : askRows(model.byRows, received, request, write)
  const timeoutMs = timeoutParameter(parametersOf(request, '')['timeout'])
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

function askRows<A>({ columns, answers }: RowShape, received: readonly ReceivedTensor[], request: Readonly<Record<string, unknown>>, present: Presenter<A>): ParsedRows<A> {
  const known = new Set(columns.map((column) => column.name))
  const lists = received.flatMap((tensor) => columnsOf(tensor, known))
  const [first] = lists
  for (const [name, list] of lists) {
    if (list.length !== first?.[1].length) throw badRequest(`input ${name} has ${list.length} rows, input ${first?.[0]} has ${first?.[1].length}`)
  }
  const asked = outputsAsked(answers, request)
  return { rows: rowsFromColumns(lists), present: (prediction: Prediction, requestId) => present(prediction, asked, rowTensors(prediction), requestId) }
}
