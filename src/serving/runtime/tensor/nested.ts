import { MillraceError } from '../../../platform/errors/index.ts'
import { elementsOf } from './datatypes.ts'
import { type TensorValue, countOf } from './value.ts'

/** Elements in row-major order, and how many lists there are at each depth. */
export interface Flat {
  readonly shape: readonly number[]
  readonly values: readonly unknown[]
}

/** Dimensions of a tensor at most; ONNX Runtime's own kernels stop at eight. */
const MAX_RANK = 8

/**
 * A nested list as the tensor that it spells out; what is no list is a tensor of no dimension. INPUT_INVALID where lists of one depth have different lengths, or only
 * some of them hold lists; it names the element, and the shape that the model takes.
 */
export function flattenNested(value: unknown, where: string, taken: readonly number[]): Flat {
  const refuse = (found: string): MillraceError => new MillraceError('INPUT_INVALID', `${found}; the model takes [${taken.join(', ')}]`)
  const shape: number[] = []
  for (let first = value; Array.isArray(first); first = first[0]) shape.push(first.length)
  if (shape.length > MAX_RANK) throw refuse(`${where} is nested ${shape.length} deep, expected ${MAX_RANK} at most`)
  const values: unknown[] = []
  const walk = (part: unknown, depth: number, at: string): void => {
    const expected = shape[depth]
    if (expected === undefined) {
      if (Array.isArray(part)) throw refuse(`${at} is a list, expected a value as its neighbours are`)
      values.push(part)
      return
    }
    if (!Array.isArray(part)) throw refuse(`${at} is ${JSON.stringify(part).slice(0, 40)}, expected a list of ${expected} as its neighbours are`)
    if (part.length !== expected) throw refuse(`${at} has ${part.length} values, expected ${expected} as its neighbours have`)
    const list: readonly unknown[] = part
    for (let i = 0; i < expected; i++) walk(list[i], depth + 1, `${at}[${i}]`)
  }
  walk(value, 0, where)
  return { shape, values }
}

/** The tensor as nested lists, in JSON. NaN and the infinities, for which JSON has no word, are null; whole numbers have all their digits. */
export function nestedJson({ datatype, shape, data }: TensorValue): string {
  const elements = elementsOf(data, datatype)
  let at = 0
  const write = (depth: number): string => {
    const size = shape[depth]
    if (size === undefined) return elementJson(elements[at++])
    let text = ''
    for (let i = 0; i < size; i++) text += `${i > 0 ? ',' : ''}${write(depth + 1)}`
    return `[${text}]`
  }
  // An empty tensor may be as wide as it likes.
  return countOf(shape) === 0 ? '[]' : write(0)
}

export function elementJson(value: number | bigint | boolean | string | undefined): string {
  return typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? 'null')
}
