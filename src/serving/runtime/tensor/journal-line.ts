import type { JournalRecord } from '../../../api/serving.ts'
import type { Mask } from '../../journal/mask.ts'
import { elementsOf } from './datatypes.ts'
import type { TensorMap } from './session.ts'
import { type TensorValue, countOf } from './value.ts'

/** Elements of one tensor that the journal keeps; of a larger one it keeps the shape. */
export const ELEMENTS_KEPT = 1024

export interface TensorLines {
  readonly model: string
  readonly version: string
  readonly alias: string
  readonly role: JournalRecord['role']
  readonly mask: Mask | null
  /** The columns that an input holds, by the input's name, of a model that is asked by columns too: where one of them is masked, so is all of it. */
  readonly columns: ReadonlyMap<string, readonly string[]>
}

/**
 * Writes the line of a whole request, without the closing brace, as `LineBuffer.add` takes it. By hand, as it runs for every request. `id` consists of characters that JSON does not
 * escape: the HTTP base lets no other in. `inputs` is null on a shadow's line, since they stand in the champion's, and of a request that is not in the sample.
 * `members` are those of the request, with a comma before each.
 */
export type TensorLineWriter = (id: string, time: number, inputs: TensorMap | null, outputs: TensorMap, members: string) => string

export function createTensorLineWriter({ model, version, alias, role, mask, columns }: TensorLines): TensorLineWriter {
  const fixed = `","row":0,"model":${JSON.stringify(model)},"version":${JSON.stringify(version)},"alias":${JSON.stringify(alias)},"role":"${role}","time":`
  const names = new Map<string, string>()
  const nameOf = (name: string): string => {
    const known = names.get(name)
    if (known !== undefined) return known
    const text = JSON.stringify(name)
    // Names are the model's own: few.
    names.set(name, text)
    return text
  }
  const described = (tensors: TensorMap): string => describe(tensors, mask, columns, nameOf)
  return (id, time, inputs, outputs, members) => {
    const masked = mask ? [...(inputs?.keys() ?? []), ...outputs.keys()].filter((name) => isMasked(mask, columns, name)) : []
    return `{"id":"${id}${fixed}${time},"tensors":{${inputs ? `"inputs":{${described(inputs)}},` : ''}"outputs":{${described(outputs)}}}${masked.length > 0 ? `,"masked":${JSON.stringify(masked)}` : ''}${members}`
  }
}

/** The members of an object of tensors. */
function describe(tensors: TensorMap, mask: Mask | null, columns: TensorLines['columns'], nameOf: (name: string) => string): string {
  let text = ''
  for (const [name, value] of tensors) {
    const elements = countOf(value.shape) > ELEMENTS_KEPT ? undefined : mask ? maskedElements(mask, columns, name, value) : (value.json ?? elementsText(value))
    text += `${text === '' ? '' : ','}${nameOf(name)}:{"datatype":"${value.datatype}","shape":[${value.shape.join()}]${elements === undefined ? '' : `,"data":[${elements}]`}}`
  }
  return text
}

const NO_COLUMNS: TensorLines['columns'] = new Map()

/** The outputs of one row, as a member of its line. */
export function rowOutputsMember(outputs: TensorMap, mask: Mask | null): string {
  return `,"tensors":{"outputs":{${describe(outputs, mask, NO_COLUMNS, JSON.stringify)}}}`
}

function isMasked({ dropped, hashed }: Mask, columns: TensorLines['columns'], name: string): boolean {
  const held = columns.get(name) ?? []
  return [name, ...held].some((one) => dropped.has(one) || hashed.has(one))
}

/** undefined where only the shape may be kept: of a tensor that is dropped, or that holds a masked column among others. */
function maskedElements(mask: Mask, columns: TensorLines['columns'], name: string, value: TensorValue): string | undefined {
  if (mask.hashed.has(name)) {
    return scalarsOf(value)
      .map((element) => JSON.stringify(mask.hash(element)))
      .join()
  }
  return isMasked(mask, columns, name) ? undefined : elementsText(value)
}

function elementsText(value: TensorValue): string {
  let text = ''
  for (const element of scalarsOf(value)) text += `${text === '' ? '' : ','}${typeof element === 'string' ? JSON.stringify(element) : String(element)}`
  return text
}

/** What JSON has no word for, as text. */
function scalarsOf({ data, datatype }: TensorValue): readonly (number | boolean | string)[] {
  return elementsOf(data, datatype).map((value) => (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)) ? String(value) : value))
}
