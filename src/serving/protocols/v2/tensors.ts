import type { TensorMap, TensorInterface } from '../../runtime/tensor/session.ts'
import { badRequest } from '../shapes.ts'
import { type TensorData, elementsOf } from '../../runtime/tensor/datatypes.ts'
import type { TensorValue } from '../../runtime/tensor/value.ts'
import { convert } from '../../runtime/tensor/convert.ts'
import { asColumn } from '../../runtime/tensor/spec.ts'
import type { ReceivedTensor } from './received.ts'

/** Elements of one request. Each is a value of its own on the way, and takes many times its bytes. */
const MOST_CONVERTED = 2 ** 21

/** Whether the request speaks of the model's own tensors, rather than of columns of its signature. */
export function namesTensors({ inputs }: TensorInterface, received: readonly ReceivedTensor[]): boolean {
  return received.every(({ name }) => inputs.some((input) => input.name === name))
}

/** The request's tensors in the datatypes that the model takes: another is converted where every value can be held. Shapes are left to the model's own check. */
export function modelTensors({ inputs }: TensorInterface, received: readonly ReceivedTensor[]): TensorMap {
  const tensors = new Map<string, TensorValue>()
  let converting = 0
  for (const { name, datatype, shape, data, where } of received) {
    const input = inputs.find((candidate) => candidate.name === name)
    if (!input) throw badRequest(`${where}: the model takes ${inputs.map((one) => one.name).join(', ')}`)
    if (tensors.has(name)) throw badRequest(`${where} is given twice`)
    const value = { datatype: input.datatype, shape: asColumn(input.shape, shape) }
    if ('json' in data) {
      const converted = convert(data.json, input.datatype, where)
      tensors.set(name, { ...value, data: converted, json: data.text !== undefined && isFit(data.text, converted) ? data.text : undefined })
    } else if (datatype === input.datatype) {
      tensors.set(name, { ...value, data: data.raw })
    } else {
      converting += data.raw.length
      if (converting > MOST_CONVERTED) {
        throw badRequest(`${where} has ${data.raw.length} elements of ${datatype}, and the model takes ${input.datatype}: of raw tensors ${MOST_CONVERTED} elements are converted at most, send ${input.datatype}`)
      }
      tensors.set(name, { ...value, data: convert(elementsOf(data.raw, datatype), input.datatype, where) })
    }
  }
  return tensors
}

/** Characters of an element that may stand in the journal as they came. */
const LONGEST_ELEMENT = 32

/** Whether the text with which floats came may stand for them in a line of the journal: on one line, no longer than they are worth, and within what readers take for a number. */
function isFit(text: string, data: TensorData): boolean {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return false
  if (text.length > LONGEST_ELEMENT * data.length || text.includes('\n')) return false
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return false
  return true
}
