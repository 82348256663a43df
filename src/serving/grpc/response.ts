import { type TensorData, elementsOf, isText } from '../runtime/tensor/datatypes.ts'
import { bytesOf } from '../runtime/tensor/value.ts'
import type { Presenter } from '../protocols/v2/ask.ts'
import { encodeStrings } from '../protocols/v2/elements.ts'
import { type Contents, type InferResponse, fieldOf } from './messages.ts'

/** The answer: raw where the request was, as KServe's server does it, or where an output has no other form; one answer is never half raw. */
export function presenter(requestWasRaw: boolean): Presenter<InferResponse> {
  return ({ model, version }, asked, valueOf, id) => {
    const values = asked.map(({ name }) => ({ name, ...valueOf(name) }))
    const raw = requestWasRaw || values.some(({ datatype }) => fieldOf(datatype) === undefined)
    return {
      model_name: model,
      model_version: version,
      id,
      outputs: values.map(({ name, datatype, shape, data }) => ({ name, datatype, shape, ...(raw ? {} : { contents: contentsOf(data, datatype) }) })),
      raw_output_contents: raw ? values.map(({ data }) => (isText(data) ? encodeStrings(data) : bytesOf(data))) : [],
    }
  }
}

function contentsOf(data: TensorData, datatype: string): Partial<Contents> {
  const field = fieldOf(datatype)
  if (field === undefined) return {}
  const elements = elementsOf(data, datatype)
  const values = field === 'bytes_contents' ? elements.map((value) => Buffer.from(String(value))) : elements.map((value) => (typeof value === 'bigint' ? String(value) : value))
  return { [field]: values }
}
