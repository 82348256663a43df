import type { ModelKind } from '../../runtime/outputs.ts'
import type { Prediction } from '../../runtime/plane.ts'
import type { BinaryAnswer } from '../protocol.ts'
import { badRequest, describeType, isObject } from '../shapes.ts'
import { encodeBinary } from './datatypes.ts'
import { parametersOf } from './request.ts'

type OutputName = 'label' | 'probability' | 'prediction'

export interface OutputAsked {
  readonly name: OutputName
  /** As raw bytes after the JSON. */
  readonly binary: boolean
}

export function outputNames(kind: ModelKind): readonly OutputName[] {
  return kind === 'classifier' ? ['label', 'probability'] : ['prediction']
}

export function datatypeOf(name: OutputName): 'INT64' | 'FP64' {
  return name === 'label' ? 'INT64' : 'FP64'
}

/** The outputs that are asked for, all where none is named; `binary_data_output` of the request says how, unless an output's own `binary_data` does. */
export function outputsAsked(kind: ModelKind, request: Readonly<Record<string, unknown>>): readonly OutputAsked[] {
  const { outputs: asked } = request
  const byDefault = flag(parametersOf(request, ''), 'binary_data_output', '') ?? false
  const present = outputNames(kind)
  if (asked === undefined || asked === null) return present.map((name) => ({ name, binary: byDefault }))
  if (!Array.isArray(asked)) throw badRequest(`outputs is ${describeType(asked)}, expected a list`)
  return asked.map((output: unknown, i) => {
    const where = `outputs[${i}]`
    const name = isObject(output) ? output['name'] : undefined
    const known = present.find((candidate) => candidate === name)
    if (!known || !isObject(output)) throw badRequest(`${where}.name is ${JSON.stringify(name) ?? 'missing'}, expected one of ${present.join(', ')}`)
    const parameters = parametersOf(output, `${where}.`)
    if (parameters['classification'] !== undefined) throw badRequest(`${where}.parameters.classification: the classification extension is not spoken here`)
    return { name: known, binary: flag(parameters, 'binary_data', `${where}.`) ?? byDefault }
  })
}

function flag(parameters: Readonly<Record<string, unknown>>, name: string, where: string): boolean | undefined {
  const value = parameters[name]
  if (value === undefined || typeof value === 'boolean') return value
  throw badRequest(`${where}parameters.${name} is ${JSON.stringify(value)}, expected true or false`)
}

export function present({ model, version, labels, scores }: Prediction, asked: readonly OutputAsked[], id: string): string | BinaryAnswer {
  const shape = [scores.length]
  const raw: Buffer[] = []
  const outputs = asked.map(({ name, binary }) => {
    const values = name === 'label' ? labels : scores
    const datatype = datatypeOf(name)
    if (!binary) return { name, shape, datatype, data: [...values] }
    const bytes = encodeBinary(values, datatype)
    raw.push(bytes)
    return { name, shape, datatype, parameters: { binary_data_size: bytes.length } }
  })
  const json = JSON.stringify({ model_name: model, model_version: version, id, outputs })
  if (raw.length === 0) return json
  const head = Buffer.from(json)
  return { body: Buffer.concat([head, ...raw]), headers: ['Content-Type', 'application/octet-stream', 'Inference-Header-Content-Length', String(head.length)] }
}
