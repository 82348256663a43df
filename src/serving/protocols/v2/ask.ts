import type { Prediction } from '../../runtime/plane.ts'
import type { TensorPrediction } from '../../runtime/tensor/plane.ts'
import type { TensorInterface } from '../../runtime/tensor/session.ts'
import type { TensorValue } from '../../runtime/tensor/value.ts'
import { refuseName } from '../names.ts'
import type { ModelShape, ParsedBody, ParsedRows, ParsedTensors, RowShape } from '../protocol.ts'
import { badRequest, rowsFromColumns } from '../shapes.ts'
import { columnsOf } from './columns.ts'
import { type Answered, type OutputAsked, rowTensors } from './outputs.ts'
import type { ReceivedTensor } from './received.ts'
import { modelTensors, namesTensors } from './tensors.ts'
import type { Wishes } from './wishes.ts'

const FIT_ID = /^[\w.:\-/]{1,128}$/

/** Writes an answer in the form of one transport. */
export type Presenter<A> = (answered: Answered, asked: readonly OutputAsked[], valueOf: (name: string) => TensorValue, requestId: string) => A

/** A request of the protocol, as it came by any transport. */
export interface TensorQuestion {
  readonly inputs: readonly ReceivedTensor[]
  readonly wishes: Wishes
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
  const parsed = own ? askTensors(tensors, inputs, wishes, write) : askRows(model.byRows, tensors, question, write)
  const { timeoutMs } = wishes
  if (id === undefined && timeoutMs === undefined) return parsed
  return { ...parsed, ...(id !== undefined && FIT_ID.test(id) ? { id } : {}), ...(timeoutMs === undefined ? {} : { timeoutMs }) }
}

function askTensors<A>(tensors: TensorInterface, received: readonly ReceivedTensor[], wishes: Wishes, present: Presenter<A>): ParsedTensors<A> {
  const { outputs: asked, fetch } = wishes.outputs(tensors.outputs)
  const valueOf = ({ outputs }: Pick<TensorPrediction, 'outputs'>) => (name: string) => {
    const value = outputs.get(name)
    if (value) return value
    throw badRequest(`there is no output ${name}`)
  }
  return {
    tensors: modelTensors(tensors, received),
    fetch,
    present: (prediction, requestId) => present(prediction, asked, valueOf(prediction), requestId),
  }
}

function askRows<A>(rows: RowShape, tensors: TensorInterface | null, { inputs, wishes, maxRows }: TensorQuestion, present: Presenter<A>): ParsedRows<A> {
  const { columns, answers, signed } = rows
  if (tensors && !signed) refuseUnknown(inputs, tensors, rows)
  const lists = columnsOf(inputs, columns, maxRows)
  const [first] = lists
  for (const [name, list] of lists) {
    if (list.length !== first?.[1].length) throw badRequest(`input ${name} has ${list.length} rows, input ${first?.[0]} has ${first?.[1].length}`)
  }
  const { outputs: asked } = wishes.outputs(answers)
  return { rows: rowsFromColumns(lists), present: (prediction: Prediction, requestId) => present(prediction, asked, rowTensors(prediction), requestId) }
}

/** A signature's columns may come among others, as with MLflow; without one a name that is no tensor's and no column's is a mistake. */
function refuseUnknown(received: readonly ReceivedTensor[], tensors: TensorInterface, rows: RowShape): void {
  const known = new Set([...tensors.inputs, ...rows.columns].map(({ name }) => name))
  for (const { name, where } of received) if (!known.has(name)) throw refuseName(where, tensors, rows)
}
