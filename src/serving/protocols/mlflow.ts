import { MillraceError } from '../../platform/errors/index.ts'
import type { Prediction, Row } from '../runtime/plane.ts'
import { readNested } from './nested.ts'
import type { Protocol } from './protocol.ts'
import { CellCount, refuseRows } from './bounds.ts'
import { parseJson } from './json.ts'
import { CONTENT_TYPES, type TableShape, readTable, tableFormat } from './mlflow-tables.ts'
import { badRequest, describeType, isObject, refuseProto, rowsFromColumns } from './shapes.ts'

const FORMS = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const

/** MLflow's scoring protocol (mlflow/pyfunc/scoring_server): JSON, CSV, Parquet. A classifier answers `{label, probability}` for each row, a model with other outputs these by name. */
export const mlflowProtocol: Protocol = {
  name: 'invocations',
  accept: (contentType) => {
    if (tableFormat(contentType) === undefined) throw new MillraceError('UNSUPPORTED_MEDIA_TYPE', `content-type is ${contentType}, expected one of ${CONTENT_TYPES.join(', ')}, in UTF-8`)
  },
  parse: ({ bytes, headers, maxRows, recipient }, model) => {
    const format = tableFormat(headers['content-type'])
    if (format === 'csv' || format === 'parquet') return readTable(format, bytes, { columns: model.byRows.columns, maxRows, recipient }).then((table) => ({ ...table, present: presentPredictions }))
    const body = parseJson(bytes)
    if (!isObject(body)) throw badRequest(`the body is ${describeType(body)}, expected an object with one of ${FORMS.join(', ')}`)
    let form: (typeof FORMS)[number] | undefined
    for (const name of FORMS) {
      if (body[name] === undefined) continue
      if (form !== undefined) throw badRequest(`the body has both ${form} and ${name}, expected exactly one of ${FORMS.join(', ')}`)
      form = name
    }
    if (form === undefined) throw badRequest(`the body has none of ${FORMS.join(', ')}; found ${Object.keys(body).join(', ') || 'nothing'}`)
    const { params } = body
    if (params !== undefined && params !== null && !isObject(params)) throw badRequest(`params is ${describeType(params)}, expected an object`)
    const nested = form === 'inputs' || form === 'instances' ? readNested(model, form, body[form]) : undefined
    return nested ?? { rows: READERS[form](body[form], { columns: model.byRows.columns, maxRows }), params: params ?? undefined, present: presentPredictions }
  },
  refuse: (error, requestId) => {
    // As MLflow: a content type that it does not know is answered in plain text.
    if (error.code === 'UNSUPPORTED_MEDIA_TYPE') return { contentType: 'text/plain; charset=utf-8', body: error.message }
    const body = { error_code: mlflowCode(error), message: error.message, code: error.code, request_id: requestId, ...(error.details === undefined ? {} : { details: error.details }) }
    return { contentType: 'application/json', body: JSON.stringify(body) }
  },
}

export function presentPredictions({ kind, labels, scores, other }: Prediction): string {
  if (other) return `{"predictions":${other.predictions()}}`
  const shown = labels instanceof Float64Array ? labels : labels.map((label) => JSON.stringify(label))
  let answer = '{"predictions":['
  for (let i = 0; i < scores.length; i++) {
    if (i > 0) answer += ','
    answer += kind === 'classifier' ? `{"label":${shown[i]},"probability":${scores[i]}}` : String(scores[i])
  }
  return `${answer}]}`
}

const READERS: Readonly<Record<(typeof FORMS)[number], (value: unknown, model: TableShape) => readonly Row[]>> = {
  dataframe_records: (value, { maxRows }) => records(value, 'dataframe_records', maxRows),
  dataframe_split: readSplit,
  instances: (value, model) => (isScalarRow(value) ? [value] : readInstances(value, model)),
  inputs: (value, model) => (isScalarRow(value) ? [value] : isObject(value) ? readColumns(value, model) : readInstances(value, model, 'inputs')),
}

/** An object with no list in it is one row, in both forms of TensorFlow Serving. */
function isScalarRow(value: unknown): value is Row {
  return isObject(value) && Object.keys(value).length > 0 && Object.values(value).every((cell) => typeof cell !== 'object' || cell === null)
}

function records(value: unknown, form: string, maxRows: number): readonly Row[] {
  if (!Array.isArray(value)) throw badRequest(`${form} is ${describeType(value)}, expected a list of objects`)
  refuseRows(value.length, maxRows)
  for (let i = 0; i < value.length; i++) if (!isObject(value[i])) throw badRequest(`${form}[${i}] is ${describeType(value[i])}, expected an object`)
  return value
}

function readSplit(value: unknown, { columns, maxRows }: TableShape): readonly Row[] {
  if (!isObject(value)) throw badRequest(`dataframe_split is ${describeType(value)}, expected an object with columns and data`)
  for (const key of Object.keys(value)) if (!['columns', 'data', 'index'].includes(key)) throw badRequest(`dataframe_split.${key} is not known; expected columns, data, index`)
  const names = value['columns'] === undefined ? columns.map((column) => column.name) : value['columns']
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) throw badRequest('dataframe_split.columns: expected a list of names')
  refuseProto(names)
  const { data } = value
  if (!Array.isArray(data)) throw badRequest(`dataframe_split.data is ${describeType(data)}, expected a list of rows`)
  refuseRows(data.length, maxRows)
  return data.map((row: unknown, i) => positional(row, names, `dataframe_split.data[${i}]`))
}

/** TensorFlow Serving's row form: objects, or lists in the order of the signature; a bare value where the model has one column. */
export function readInstances(value: unknown, { columns, maxRows }: TableShape, form = 'instances'): readonly Row[] {
  if (!Array.isArray(value)) throw badRequest(`${form} is ${describeType(value)}, expected a list`)
  refuseRows(value.length, maxRows)
  const names = columns.map((column) => column.name)
  return value.map((row: unknown, i) => (isObject(row) ? row : positional(Array.isArray(row) || names.length !== 1 ? row : [row], names, `${form}[${i}]`)))
}

function positional(row: unknown, names: readonly string[], where: string): Row {
  if (!Array.isArray(row)) throw badRequest(`${where} is ${describeType(row)}, expected a list of ${names.length} values`)
  if (row.length !== names.length) throw badRequest(`${where} has ${row.length} values, expected ${names.length} (${names.join(', ')})`)
  const values: readonly unknown[] = row
  const named: Record<string, unknown> = {}
  for (let i = 0; i < names.length; i++) named[names[i]!] = values[i]
  return named
}

/** TensorFlow Serving's column form: a list for each column; [[1], [2]] is the column [1, 2]; a [N, K] tensor gives columns NAME_0 … */
function readColumns(value: Readonly<Record<string, unknown>>, { columns, maxRows }: TableShape): readonly Row[] {
  const cells = new CellCount()
  const known = new Set(columns.map((column) => column.name))
  const lists: [string, readonly unknown[]][] = []
  for (const [name, list] of Object.entries(value)) {
    if (!Array.isArray(list)) throw badRequest(`inputs.${name} is ${describeType(list)}, expected a list with a value for each row`)
    const values: readonly unknown[] = list
    refuseRows(values.length, maxRows)
    const width = Array.isArray(values[0]) ? values[0].length : 0
    if (width === 0) {
      cells.add(values.length, 1, `inputs.${name}`)
      lists.push([name, values])
      continue
    }
    const cellsOf = values.map((cell, row) => {
      if (Array.isArray(cell) && cell.length === width) return cell
      throw badRequest(`inputs.${name}[${row}] is ${Array.isArray(cell) ? `a list of ${cell.length}` : describeType(cell)}, expected a list of ${width}, as inputs.${name}[0] is`)
    })
    cells.add(values.length, width, `inputs.${name}`)
    if (width === 1 && known.has(name)) lists.push([name, cellsOf.map(([cell]) => cell)])
    else for (let i = 0; i < width; i++) lists.push([`${name}_${i}`, cellsOf.map((row) => row[i])])
  }
  const [first] = lists
  for (const [name, list] of lists) {
    if (list.length !== first?.[1].length) throw badRequest(`inputs.${name} has ${list.length} values, inputs.${first?.[0]} has ${first?.[1].length}`)
  }
  return rowsFromColumns(lists)
}

function mlflowCode({ code, status }: MillraceError): string {
  if (code === 'NOT_FOUND') return 'RESOURCE_DOES_NOT_EXIST'
  // Not the caller's fault, and no retry will help: MLflow's word for it.
  if (code === 'MODEL_INVALID') return 'INVALID_STATE'
  if (status === 503) return 'TEMPORARILY_UNAVAILABLE'
  if (status === 429) return 'REQUEST_LIMIT_EXCEEDED'
  if (status === 504) return 'DEADLINE_EXCEEDED'
  return status >= 500 ? 'INTERNAL_ERROR' : 'BAD_REQUEST'
}
