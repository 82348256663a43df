import type { JournalTensor, Scalar } from '../../api/serving.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import { fixedType } from '../../serving/runtime/tensor/datatypes.ts'
import type { Tensors } from './tensors.ts'

/**
 * What the rows of a request are sliced by: `by` is an input of one element a row, or, as `INPUT[3]`, one of its elements, counted from 0. Rows are what the input's first axis
 * counts. Numbers come as numbers, NaN as null. USAGE where there is no such input or element.
 */
export function slicesOf(by: string, inputs: Tensors): readonly Scalar[] {
  const [, indexed = '', at] = /^(.*)\[(\d+)\]$/s.exec(by) ?? []
  const whole = inputs[by]
  const tensor = whole ?? inputs[indexed]
  if (!tensor) throw new MillraceError('USAGE', `--by: found ${by}, expected an input of the model, ${Object.keys(inputs).join(', ')}, or an element of one, as ${Object.keys(inputs)[0] ?? 'x'}[0]`)
  const { data = [], datatype } = tensor
  const rows = rowsOf(tensor)
  const width = rows === 0 ? 0 : data.length / rows
  const element = whole ? 0 : Number(at)
  if (whole && width > 1) throw new MillraceError('USAGE', `--by: ${by} has ${width} elements a row, expected one of them: ${by}[0] … ${by}[${width - 1}]`)
  if (rows > 0 && element >= width) throw new MillraceError('USAGE', `--by: found ${by}, but ${indexed} has ${width} elements a row`)
  const numeric = fixedType(datatype) !== undefined && datatype !== 'BOOL'
  return Array.from({ length: rows }, (_, row) => {
    const value = data[row * width + element] ?? null
    if (!numeric || value === null) return value
    return Number.isNaN(Number(value)) ? null : Number(value)
  })
}

/** The tensor's rows. USAGE where it has not as many as were asked for. */
export function splitRows(name: string, { shape, datatype, data = [] }: JournalTensor, rows: number): readonly JournalTensor[] {
  if (rowsOf({ shape }) !== rows) throw new MillraceError('USAGE', `--by: output ${name} has shape [${shape.join(', ')}], expected a row for each of the ${rows} of the input`)
  const width = data.length / rows
  return Array.from({ length: rows }, (_, row) => ({ datatype, shape: [1, ...shape.slice(1)], data: data.slice(row * width, (row + 1) * width) }))
}

/** One where it has no axis. */
function rowsOf({ shape }: Pick<JournalTensor, 'shape'>): number {
  return shape[0] ?? 1
}
