import type { TensorMap, TensorInterface } from '../../runtime/tensor/session.ts'
import { badRequest } from '../shapes.ts'
import { type TensorData, elementsOf, fixedType } from '../../runtime/tensor/datatypes.ts'
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

/** The request's tensors in the datatypes that the model takes: another is converted where every value is one of the declared datatype and the model's can hold it. Shapes are left to the model's own check. */
export function modelTensors({ inputs }: TensorInterface, received: readonly ReceivedTensor[]): TensorMap {
  const tensors = new Map<string, TensorValue>()
  let converting = 0
  for (const { name, datatype, shape, data, where } of received) {
    const input = inputs.find((candidate) => candidate.name === name)
    if (!input) throw badRequest(`${where}: the model takes ${inputs.map((one) => one.name).join(', ')}`)
    if (tensors.has(name)) throw badRequest(`${where} is given twice`)
    const value = { datatype: input.datatype, shape: asColumn(input.shape, shape) }
    if ('json' in data) {
      const same = datatype === input.datatype || (datatype === 'FP64' && input.datatype === 'FP32')
      const converted = convert(same ? data.json : asDeclared(data.json, datatype, where), input.datatype, where)
      tensors.set(name, { ...value, data: converted, json: same && data.text !== undefined && isFit(data.text, converted) ? data.text : undefined })
    } else if (datatype === input.datatype) {
      tensors.set(name, { ...value, data: data.raw })
    } else {
      converting += data.raw.length
      if (converting > MOST_CONVERTED) {
        throw badRequest(`${where} has ${data.raw.length} elements of ${datatype}, and the model takes ${input.datatype}: of raw tensors ${MOST_CONVERTED} elements are converted at most, send ${input.datatype}`)
      }
      tensors.set(name, { ...value, data: convert(elementsFor(data.raw, datatype), input.datatype, where) })
    }
  }
  return tensors
}

/**
 * Elements that JSON has, as values of the datatype that the request declares where that is not the model's: INPUT_INVALID for one that it cannot hold, as a raw tensor could not. What
 * FP32 takes of JSON is just what it takes of FP64.
 */
function asDeclared(values: readonly unknown[], datatype: string, where: string): readonly unknown[] {
  const { range } = fixedType(datatype) ?? {}
  // JSON.parse has bent whole numbers beyond 2^53, which a model of floats does not notice.
  const bent = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) <= 2 ** 64
  const whole = range ? values.map((value) => (bent(value) ? (value === Number(range[1]) ? range[1] : BigInt(value)) : value)) : values
  return elementsFor(convert(whole, datatype, where), datatype)
}

/** Elements for a model that takes another datatype: what is true or false is 1 or 0 to it. Text stays text, which no other datatype takes. */
function elementsFor(data: TensorData, datatype: string): readonly unknown[] {
  const elements = elementsOf(data, datatype)
  return datatype === 'BOOL' ? elements.map(Number) : elements
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
