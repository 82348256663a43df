import type { JournalTensor, Scalar } from '../../api/serving.ts'
import { bytesOf } from '../../serving/runtime/tensor/value.ts'
import { convert } from '../../serving/runtime/tensor/convert.ts'
import { elementsOf, fixedType, isText } from '../../serving/runtime/tensor/datatypes.ts'
import { decodeBinary, encodeStrings } from '../../serving/protocols/v2/elements.ts'
import type { Row } from './rows.ts'

export type Tensors = Readonly<Record<string, JournalTensor>>

/** A request whose tensors were the model's own, as the journal has it; or a row that was answered with no score, each of its columns a tensor of one element. */
export interface RecordedTensors {
  readonly inputs: Tensors
  readonly outputs: Tensors
  readonly masked: readonly string[]
}

/** Of one output of one request: `b` less `a`, element by element. */
export interface TensorDifference {
  readonly elements: number
  /** Elements that are not the same; NaN is the same as NaN. */
  readonly changed: number
  /** null where nothing can be subtracted: texts, booleans, and pairs of which one is not finite. `furthest`: the difference farthest from 0, with its sign. */
  readonly numbers: { readonly count: number; readonly absolute: number; readonly furthest: number } | null
}

/** Why a request cannot be sent again: the input that is masked, or left out since it was too large to be kept. */
export function unsendable({ inputs, masked }: RecordedTensors): { readonly masked: string } | { readonly leftOut: string } | null {
  for (const [name, { data }] of Object.entries(inputs)) {
    if (masked.includes(name)) return { masked: name }
    if (!data) return { leftOut: name }
  }
  return null
}

/** V2's binary extension, there and back: JSON has no word for NaN, and rounds large whole numbers. */
export function encodeRequest(inputs: Tensors): { readonly body: Buffer; readonly headers: Readonly<Record<string, string>> } {
  const raw: Uint8Array[] = []
  const described = Object.entries(inputs).map(([name, { datatype, shape, data = [] }]) => {
    // Only JSON has a null, in a column of a row.
    if (data.includes(null)) return { name, shape, datatype, data }
    const integer = fixedType(datatype)?.kind === 'integer'
    const values = datatype === 'BYTES' ? data : data.map((value) => (typeof value === 'string' ? (integer ? BigInt(value) : Number(value)) : value))
    const elements = convert(values, datatype, name)
    const bytes = isText(elements) ? encodeStrings(elements) : bytesOf(elements)
    raw.push(bytes)
    return { name, shape, datatype, parameters: { binary_data_size: bytes.length } }
  })
  const head = Buffer.from(JSON.stringify({ inputs: described, parameters: { binary_data_output: true } }))
  return { body: Buffer.concat([head, ...raw]), headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(head.length) } }
}

/** The columns of a row, as the protocol takes them beside the model's own tensors. */
export function tensorsOfRow(row: Row): Tensors {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, { datatype: typeof value === 'string' ? 'BYTES' : typeof value === 'boolean' ? 'BOOL' : 'FP64', shape: [1], data: [value] }]))
}

interface Answer {
  readonly outputs: readonly { readonly name: string; readonly datatype: string; readonly shape: readonly number[]; readonly parameters: { readonly binary_data_size: number } }[]
}

/** `headLength`: what the answer's header says. */
export function decodeAnswer(bytes: Buffer, headLength: number): Tensors {
  const { outputs }: Answer = JSON.parse(bytes.subarray(0, headLength).toString())
  let at = headLength
  return Object.fromEntries(
    outputs.map(({ name, datatype, shape, parameters }) => {
      const part = bytes.subarray(at, (at += parameters.binary_data_size))
      const count = shape.reduce((product, size) => product * size, 1)
      const data = elementsOf(decodeBinary(part, datatype, count, name), datatype).map((value): Scalar => (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)) ? String(value) : value))
      return [name, { datatype, shape, data }]
    }),
  )
}

/** null where either has no elements. Throws a RangeError where the shapes differ. */
export function compareTensors(name: string, a: JournalTensor, b: JournalTensor): TensorDifference | null {
  if (a.shape.join() !== b.shape.join()) throw new RangeError(`output ${name} has shape [${b.shape.join(', ')}], and had [${a.shape.join(', ')}]`)
  if (!a.data || !b.data) return null
  const numeric = a.datatype !== 'BYTES' && a.datatype !== 'BOOL' && b.datatype !== 'BYTES' && b.datatype !== 'BOOL'
  const numbers = { count: 0, absolute: 0, furthest: 0 }
  let changed = 0
  for (const [i, one] of a.data.entries()) {
    const other = b.data[i]
    if (one !== other) changed++
    const difference = one === other ? 0 : Number(other) - Number(one)
    if (!numeric || !Number.isFinite(difference)) continue
    numbers.count++
    numbers.absolute += Math.abs(difference)
    if (Math.abs(difference) > Math.abs(numbers.furthest)) numbers.furthest = difference
  }
  return { elements: a.data.length, changed, numbers: numeric && numbers.count > 0 ? numbers : null }
}
