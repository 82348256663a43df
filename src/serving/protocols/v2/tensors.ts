import type { TensorMap, TensorInterface } from '../../runtime/tensor/session.ts'
import { badRequest } from '../shapes.ts'
import { elementsOf } from '../../runtime/tensor/datatypes.ts'
import { convert } from '../../runtime/tensor/convert.ts'
import type { ReceivedTensor } from './received.ts'

/** Elements of one request. Each is a value of its own on the way, and takes many times its bytes. */
const MOST_CONVERTED = 2 ** 21

/** Whether the request speaks of the model's own tensors, rather than of columns of its signature. */
export function namesTensors({ inputs }: TensorInterface, received: readonly ReceivedTensor[]): boolean {
  return received.every(({ name }) => inputs.some((input) => input.name === name))
}

/** The request's tensors in the datatypes that the model takes: another is converted where every value can be held. Shapes are left to the model's own check. */
export function modelTensors({ inputs }: TensorInterface, received: readonly ReceivedTensor[]): TensorMap {
  const tensors = new Map<string, { datatype: string; shape: readonly number[]; data: ReturnType<typeof convert> }>()
  let converting = 0
  for (const { name, datatype, shape, data, where } of received) {
    const input = inputs.find((candidate) => candidate.name === name)
    if (!input) throw badRequest(`${where}: the model takes ${inputs.map((one) => one.name).join(', ')}`)
    if (tensors.has(name)) throw badRequest(`${where} is given twice`)
    const inItsOwn = 'raw' in data && datatype === input.datatype
    if ('raw' in data && !inItsOwn && (converting += data.raw.length) > MOST_CONVERTED) {
      throw badRequest(`${where} has ${data.raw.length} elements of ${datatype}, and the model takes ${input.datatype}: of raw tensors ${MOST_CONVERTED} elements are converted at most, send ${input.datatype}`)
    }
    const converted = (): ReturnType<typeof convert> => convert('raw' in data ? elementsOf(data.raw, datatype) : data.json, input.datatype, where)
    tensors.set(name, { datatype: input.datatype, shape: asColumn(input.shape, shape), data: inItsOwn ? data.raw : converted() })
  }
  return tensors
}

/** A column may be written [N] for [N, 1], and the other way round. */
function asColumn(expected: readonly number[], given: readonly number[]): readonly number[] {
  if (expected.length === 2 && expected[1] === 1 && given.length === 1) return [...given, 1]
  return expected.length === 1 && given.length === 2 && given[1] === 1 ? given.slice(0, 1) : given
}
