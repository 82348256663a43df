import { MillraceError } from '../../../platform/errors/index.ts'
import type { Prediction } from '../../runtime/plane.ts'
import { elementsOf, isText } from '../../runtime/tensor/datatypes.ts'
import { type TensorValue, bytesOf } from '../../runtime/tensor/value.ts'
import type { BinaryAnswer } from '../protocol.ts'
import { badRequest, describeType, isObject } from '../shapes.ts'
import { encodeStrings } from './elements.ts'
import { parametersOf } from './request.ts'

export interface OutputAsked {
  readonly name: string
  /** As raw bytes after the JSON. */
  readonly binary: boolean
}

/** The outputs that are asked for, all where none is named, as Triton answers an empty list; `binary_data_output` of the request says how, unless an output's own `binary_data` does. */
export function outputsAsked(present: readonly { readonly name: string }[], request: Readonly<Record<string, unknown>>): readonly OutputAsked[] {
  const { outputs: asked } = request
  const byDefault = flag(parametersOf(request, ''), 'binary_data_output', '') ?? false
  if (asked === undefined || asked === null || (Array.isArray(asked) && asked.length === 0)) return present.map(({ name }) => ({ name, binary: byDefault }))
  if (!Array.isArray(asked)) throw badRequest(`outputs is ${describeType(asked)}, expected a list`)
  const names = new Set<string>()
  return asked.map((output: unknown, i) => {
    const where = `outputs[${i}]`
    const name = isObject(output) ? output['name'] : undefined
    const known = present.find((candidate) => candidate.name === name)
    if (!known || !isObject(output)) throw badRequest(`${where}.name is ${JSON.stringify(name) ?? 'missing'}, expected one of ${present.map((one) => one.name).join(', ')}`)
    // Each would be written out: a list of a hundred thousand that are one and the same is two megabytes, its answer all memory.
    if (names.has(known.name)) throw badRequest(`${where}.name is ${known.name}, which is asked for twice`)
    names.add(known.name)
    const parameters = parametersOf(output, `${where}.`)
    if (parameters['classification'] !== undefined) throw badRequest(`${where}.parameters.classification: the classification extension is not spoken here`)
    return { name: known.name, binary: flag(parameters, 'binary_data', `${where}.`) ?? byDefault }
  })
}

function flag(parameters: Readonly<Record<string, unknown>>, name: string, where: string): boolean | undefined {
  const value = parameters[name]
  if (value === undefined || typeof value === 'boolean') return value
  throw badRequest(`${where}parameters.${name} is ${JSON.stringify(value)}, expected true or false`)
}

/** What was predicted by rows, as tensors. */
export function rowTensors({ labels, scores, other }: Prediction): (name: string) => TensorValue {
  if (other) {
    const tensors = other.tensors()
    return (name) => {
      const value = tensors.get(name)
      if (value) return value
      throw new MillraceError('PREDICTION_FAILED', `the model answered ${[...tensors.keys()].join(', ')}, and no ${name}`)
    }
  }
  return (name) => {
    if (name !== 'label') return { datatype: 'FP64', shape: [scores.length], data: scores }
    if (labels instanceof Float64Array) return { datatype: 'INT64', shape: [labels.length], data: BigInt64Array.from(labels, (label) => BigInt(label)) }
    return { datatype: 'BYTES', shape: [labels.length], data: labels }
  }
}

export interface Answered {
  readonly model: string
  readonly version: string
}

/** The answer: JSON, followed by the raw outputs where any were asked for so. */
export function present({ model, version }: Answered, asked: readonly OutputAsked[], valueOf: (name: string) => TensorValue, id: string): string | BinaryAnswer {
  const raw: Uint8Array[] = []
  const outputs = asked.map(({ name, binary }) => {
    const { datatype, shape, data, json } = valueOf(name)
    if (!binary) return `{"name":${JSON.stringify(name)},"shape":[${shape.join()}],"datatype":"${datatype}","data":[${json ?? elementsOf(data, datatype).map(jsonOf).join()}]}`
    const bytes = isText(data) ? encodeStrings(data) : bytesOf(data)
    raw.push(bytes)
    return `{"name":${JSON.stringify(name)},"shape":[${shape.join()}],"datatype":"${datatype}","parameters":{"binary_data_size":${bytes.length}}}`
  })
  const json = `{"model_name":${JSON.stringify(model)},"model_version":${JSON.stringify(version)},"id":${JSON.stringify(id)},"outputs":[${outputs.join()}]}`
  if (raw.length === 0) return json
  const head = Buffer.from(json)
  return { body: Buffer.concat([head, ...raw]), headers: ['Content-Type', 'application/octet-stream', 'Inference-Header-Content-Length', String(head.length)] }
}

/** JSON has no NaN and no infinities: null, as JSON.stringify writes them. Whole numbers are written with all their digits. */
function jsonOf(value: number | bigint | boolean | string): string {
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value)
}
