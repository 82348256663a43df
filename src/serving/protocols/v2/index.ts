import type { ColumnSpec } from '../../../domain/signature.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import type { ModelKind } from '../../runtime/outputs.ts'
import { acceptJson } from '../json.ts'
import { mediaType } from '../media-type.ts'
import type { Protocol } from '../protocol.ts'
import { badRequest, describeType, isObject, rowsFromColumns } from '../shapes.ts'
import { readTensor } from './inputs.ts'
import { datatypeOf, outputNames, outputsAsked, present } from './outputs.ts'
import { RawTensors, splitBody } from './request.ts'

const FIT_ID = /^[\w.:\-/]{1,128}$/

/**
 * The Open Inference Protocol V2 over REST, tensors in JSON or raw after it (the binary extension, which `tritonclient` speaks by default): each raw column is an
 * input of shape [N] or [N, 1]; an input [N, K] gives columns NAME_0 …
 */
export const v2Protocol: Protocol = {
  name: 'v2',
  accept: (contentType) => {
    if (contentType === undefined || mediaType(contentType) !== 'application/octet-stream') acceptJson(contentType)
  },
  parse: (received, { columns, kind }) => {
    const [only] = columns
    const { json, rest } = splitBody(received, columns.length === 1 && only ? { name: only.name, datatype: DATATYPES[only.type] } : undefined)
    if (!isObject(json)) throw badRequest(`the body is ${describeType(json)}, expected an object with inputs`)
    const { id, inputs } = json
    if (id !== undefined && typeof id !== 'string') throw badRequest(`id is ${describeType(id)}, expected a string`)
    if (!Array.isArray(inputs) || inputs.length === 0) throw badRequest(`inputs is ${describeType(inputs)}, expected a list of tensors`)
    const known = new Set(columns.map((column) => column.name))
    const raw = new RawTensors(rest)
    const lists = inputs.flatMap((input: unknown, i) => readTensor(input, `inputs[${i}]`, known, raw))
    raw.end()
    const [first] = lists
    for (const [name, list] of lists) {
      if (list.length !== first?.[1].length) throw badRequest(`input ${name} has ${list.length} rows, input ${first?.[0]} has ${first?.[1].length}`)
    }
    const asked = outputsAsked(kind, json)
    return {
      rows: rowsFromColumns(lists),
      ...(id !== undefined && FIT_ID.test(id) ? { id } : {}),
      present: (prediction, requestId) => present(prediction, asked, id ?? requestId),
    }
  },
  refuse: (error: MillraceError) => ({ contentType: 'application/json', body: JSON.stringify({ error: error.message }) }),
}

const DATATYPES: Readonly<Record<ColumnSpec['type'], string>> = { string: 'BYTES', datetime: 'BYTES', long: 'INT64', double: 'FP64', boolean: 'BOOL' }

/** Model metadata as the protocol gives it. */
export function describeModel(name: string, versions: readonly string[], columns: readonly ColumnSpec[], kind: ModelKind): object {
  return {
    name,
    versions,
    platform: 'onnx_onnxv1',
    inputs: columns.map((column) => ({ name: column.name, datatype: DATATYPES[column.type], shape: [-1], parameters: { required: column.required } })),
    outputs: outputNames(kind).map((output) => ({ name: output, datatype: datatypeOf(output), shape: [-1] })),
  }
}

/** What the server says of itself at `/v2`. */
export const EXTENSIONS = ['binary_tensor_data'] as const
