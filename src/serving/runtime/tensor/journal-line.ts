import type { JournalRecord, JournalTensor } from '../../../api/serving.ts'
import type { Mask } from '../../journal/mask.ts'
import { elementsOf } from './datatypes.ts'
import type { TensorMap } from './session.ts'
import { type TensorValue, countOf } from './value.ts'

/** Elements of one tensor that the journal keeps; of a larger one it keeps the shape. */
export const ELEMENTS_KEPT = 1024

export interface TensorLine {
  readonly id: string
  readonly model: string
  readonly version: string
  readonly alias: string
  readonly role: JournalRecord['role']
  readonly time: number
  /** Left out of a shadow's line, since they stand in the champion's, and of a request that is not in the sample. */
  readonly inputs?: TensorMap
  readonly outputs: TensorMap
  readonly mask: Mask | null
  /** Of the request, with a comma before each. */
  readonly members: string
}

/** The line of a whole request, without the closing brace, as `LineBuffer.add` takes it. */
export function tensorLine({ id, model, version, alias, role, time, inputs, outputs, mask, members }: TensorLine): string {
  const tensors = { ...(inputs ? { inputs: described(inputs, mask) } : {}), outputs: described(outputs, mask) }
  const masked = mask ? [...(inputs?.keys() ?? []), ...outputs.keys()].filter((name) => mask.dropped.has(name) || mask.hashed.has(name)) : []
  const record = { id, row: 0, model, version, alias, role, time, tensors, ...(masked.length > 0 ? { masked } : {}) }
  return JSON.stringify(record).slice(0, -1) + members
}

/** The outputs of one row, as the last member but those of the request. */
export function rowOutputsMember(outputs: TensorMap, mask: Mask | null): string {
  return `,"tensors":${JSON.stringify({ outputs: described(outputs, mask) })}`
}

function described(tensors: TensorMap, mask: Mask | null): Record<string, JournalTensor> {
  return Object.fromEntries([...tensors].map(([name, value]) => [name, masked(name, describedOne(value), mask)]))
}

/** Of a tensor that is dropped the shape is kept. */
function masked(name: string, { datatype, shape, data }: JournalTensor, mask: Mask | null): JournalTensor {
  if (mask?.hashed.has(name)) return { datatype, shape, ...(data ? { data: data.map((value) => mask.hash(value)) } : {}) }
  return mask?.dropped.has(name) ? { datatype, shape } : { datatype, shape, ...(data ? { data } : {}) }
}

function describedOne({ datatype, shape, data }: TensorValue): JournalTensor {
  return countOf(shape) > ELEMENTS_KEPT ? { datatype, shape } : { datatype, shape, data: elementsOf(data, datatype).map(asScalar) }
}

/** What JSON has no word for, as text. */
function asScalar(value: number | bigint | boolean | string): number | boolean | string {
  return typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)) ? String(value) : value
}
