import { acceptJson, hasLongDigits } from '../json.ts'
import { mediaType } from '../media-type.ts'
import type { ModelShape, Protocol } from '../protocol.ts'
import { badRequest, describeType, isObject } from '../shapes.ts'
import { parseTensors } from './ask.ts'
import { COLUMN_DATATYPES } from './metadata.ts'
import { present } from './outputs.ts'
import { type Framed, Frames } from './frame.ts'
import { receiveFramed, receiveTensor } from './received.ts'
import { type OnlyInput, RawTensors, jsonBytes, splitBody } from './request.ts'
import { Wishes } from './wishes.ts'

const FRAMES = new Frames()

/**
 * The Open Inference Protocol V2 over REST, tensors in JSON or raw after it (the binary extension, which `tritonclient` speaks by default). The tensors are the
 * model's own; or, of a model with a signature of columns, those columns: each an input of shape [N] or [N, 1], an input [N, K] giving NAME_0 …
 */
export const v2Protocol: Protocol = {
  name: 'v2',
  accept: (contentType) => {
    if (contentType === undefined || contentType === 'application/json') return
    if (mediaType(contentType) !== 'application/octet-stream') acceptJson(contentType)
  },
  jsonBytes,
  parse: (body, model) => {
    const exact = model.tensors?.inputs.some(({ datatype }) => datatype === 'INT64' || datatype === 'UINT64') === true
    const framed = jsonBytes(body.headers) === undefined ? readFramed(body.bytes.toString('utf8'), exact) : null
    if (framed) {
      const { tensors, wishes } = framed.frame
      const received = tensors.map((tensor, i) => receiveFramed(tensor, framed.data[i]!))
      return parseTensors(model, { inputs: received, wishes, id: undefined, maxRows: body.maxRows }, present)
    }
    const { json, rest } = splitBody(body, () => onlyInput(model), exact)
    if (!isObject(json)) throw badRequest(`the body is ${describeType(json)}, expected an object with inputs`)
    const { id, inputs } = json
    if (id !== undefined && typeof id !== 'string') throw badRequest(`id is ${describeType(id)}, expected a string`)
    if (!Array.isArray(inputs) || inputs.length === 0) throw badRequest(`inputs is ${Array.isArray(inputs) ? 'empty' : describeType(inputs)}, expected a list of tensors`)
    const raw = new RawTensors(rest)
    const received = inputs.map((input: unknown, i) => receiveTensor(input, `inputs[${i}]`, raw))
    raw.end()
    return parseTensors(model, { inputs: received, wishes: new Wishes(json), id, maxRows: body.maxRows }, present)
  },
  refuse: (error) => ({ contentType: 'application/json', body: JSON.stringify({ error: error.message }) }),
}

/** `exact`: the model takes whole numbers of 64 bits, which JSON.parse would round. */
function readFramed(text: string, exact: boolean): Framed | null {
  return exact && hasLongDigits(text) ? null : FRAMES.read(text)
}

function onlyInput({ tensors, rows, batch }: ModelShape): OnlyInput | undefined {
  const [input, ...others] = tensors?.inputs ?? rows?.columns.map(({ name, type }) => ({ name, datatype: COLUMN_DATATYPES[type], shape: [-1] })) ?? []
  return input && others.length === 0 ? { ...input, batched: batch > 1 } : undefined
}
