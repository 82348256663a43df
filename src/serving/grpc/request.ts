import { convert } from '../runtime/tensor/convert.ts'
import type { TensorData } from '../runtime/tensor/datatypes.ts'
import { TextCount } from '../protocols/bounds.ts'
import { badRequest } from '../protocols/shapes.ts'
import { decodeBinary, textOf } from '../protocols/v2/elements.ts'
import { type ReceivedTensor, describeTensor, elementsSaid } from '../protocols/v2/received.ts'
import { CONTENT_FIELDS, type Contents, type InferRequest, type InputTensor, type Parameters, fieldOf } from './messages.ts'

/** The tensors of a request: raw, all of them, or typed. BAD_REQUEST or INPUT_INVALID says which is wrong, and how. */
export function tensorsOf({ inputs, raw_input_contents: raw }: InferRequest): readonly ReceivedTensor[] {
  if (inputs.length === 0) throw badRequest('inputs is empty, expected a list of tensors')
  if (raw.length > 0 && raw.length !== inputs.length) throw badRequest(`raw_input_contents has ${raw.length} tensors, inputs has ${inputs.length}`)
  const texts = new TextCount()
  return inputs.map((input, i) => {
    const { contents } = input
    const described = describeTensor({ ...input, shape: input.shape.map(Number) }, `inputs[${i}]`)
    const { datatype, shape, where } = described
    const count = elementsSaid(shape, where)
    const bytes = raw[i]
    if (bytes && datatype === 'BYTES') texts.add(bytes.length, where)
    if (bytes && contents) throw badRequest(`${where} has contents, and raw_input_contents is given too: expected one of them`)
    return { ...described, data: { raw: bytes ? decodeBinary(bytes, datatype, count, where) : typed(input, count, where) } }
  })
}

function typed({ datatype, contents }: InputTensor, count: number, where: string): TensorData {
  const field = fieldOf(datatype)
  if (field === undefined) throw badRequest(`${where}: ${datatype} has no typed contents, expected raw_input_contents`)
  for (const other of CONTENT_FIELDS) {
    if (other !== field && contents && contents[other].length > 0) throw badRequest(`${where}.contents has ${other}, expected ${field} for ${datatype}`)
  }
  const values = contents ? valuesOf(contents, field, where) : []
  if (values.length !== count) throw badRequest(`${where} has ${values.length} values in ${field}, its shape says ${count}`)
  return convert(values, datatype, where)
}

function valuesOf(contents: Contents, field: keyof Contents, where: string): readonly unknown[] {
  if (field === 'int64_contents' || field === 'uint64_contents') return contents[field].map(BigInt)
  if (field === 'bytes_contents') return contents[field].map((bytes, i) => textOf(bytes, `${where}: element ${i}`))
  return contents[field]
}

/** About what the elements of a message take on the wire; typed ones as eight bytes each. */
export function bytesOf({ inputs, raw_input_contents: raw }: InferRequest): number {
  let bytes = 0
  for (const { length } of raw) bytes += length
  for (const { contents } of inputs) if (contents) for (const field of CONTENT_FIELDS) bytes += 8 * contents[field].length
  return bytes
}

/** `outputs` and `parameters` as the protocol's JSON has them. */
export function wishesOf({ outputs, parameters }: InferRequest): Readonly<Record<string, unknown>> {
  return {
    parameters: plain(parameters),
    ...(outputs.length === 0 ? {} : { outputs: outputs.map((output) => ({ name: output.name, parameters: plain(output.parameters) })) }),
  }
}

function plain(parameters: Parameters): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(parameters).map(([name, parameter]) => [name, parameter.parameter_choice && parameter[parameter.parameter_choice]]))
}
