import type { ColumnSpec } from '../../../domain/signature.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import { fixedType } from '../../runtime/tensor/datatypes.ts'
import { countOf } from '../../runtime/tensor/value.ts'
import { CellCount, refuseRows } from '../bounds.ts'
import { badRequest } from '../shapes.ts'
import { rowValues } from './elements.ts'
import type { ReceivedTensor } from './received.ts'

type Column = [string, readonly unknown[]]

/**
 * The columns that tensors give: each itself for shape [N] or [N, 1], NAME_0 … NAME_K-1 for [N, K]. True and false are 1 and 0 to a column of numbers. BODY_TOO_LARGE for more than
 * `maxRows` rows.
 */
export function columnsOf(tensors: readonly ReceivedTensor[], columns: readonly ColumnSpec[], maxRows: number): Column[] {
  const known = new Set(columns.map((column) => column.name))
  const cells = new CellCount()
  for (const { shape, where } of tensors) {
    const [rows] = shape
    if (rows === undefined) throw badRequest(`${where}.shape: expected a size for each dimension, the first that of the rows`)
    refuseRows(rows, maxRows)
    cells.add(rows, countOf(shape.slice(1)), `${where}.shape is [${shape.join(', ')}]`)
  }
  return tensors.flatMap((tensor) => {
    const given = columnsOfOne(tensor, known)
    return tensor.datatype === 'BOOL' ? given.map((column) => asNumbers(column, columns)) : given
  })
}

function asNumbers([name, values]: Column, columns: readonly ColumnSpec[]): Column {
  const type = columns.find((column) => column.name === name)?.type
  if (type !== 'double' && type !== 'long') return [name, values]
  return [name, values.map((value) => (typeof value === 'boolean' ? Number(value) : value))]
}

function columnsOfOne({ name, datatype, shape, data, where }: ReceivedTensor, known: ReadonlySet<string>): Column[] {
  const values = 'raw' in data ? rowValues(data.raw, datatype, where) : data.json.map(readerOf(datatype, where))
  const rows = shape[0] ?? 0
  const width = countOf(shape.slice(1))
  if (width === 1 && (shape.length <= 2 || known.has(name))) return [[name, values]]
  return Array.from({ length: width }, (_, i) => [`${name}_${i}`, Array.from({ length: rows }, (__, row) => values[row * width + i])])
}

/** A value of the tensor as a row holds it: BOOL may be written 0 and 1. What does not fit the datatype is refused here, null is left to the signature. */
function readerOf(datatype: string, where: string): (value: unknown) => unknown {
  const refuse = (value: unknown) => new MillraceError('INPUT_INVALID', `${where}: found ${typeof value === 'bigint' ? value : (JSON.stringify(value) ?? typeof value)}, expected ${datatype}`)
  if (datatype === 'BOOL') {
    return (value) => {
      if (value === null || typeof value === 'boolean') return value
      if (value === 0 || value === 1) return value === 1
      throw refuse(value)
    }
  }
  const type = fixedType(datatype)
  if (type?.range) {
    const [least, most] = [Number(type.range[0]), Number(type.range[1])]
    return (value) => {
      if (value === null || (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most)) return value
      throw refuse(value)
    }
  }
  const expected = type ? 'number' : 'string'
  return (value) => {
    if (value !== null && typeof value !== expected) throw refuse(value)
    return value
  }
}
