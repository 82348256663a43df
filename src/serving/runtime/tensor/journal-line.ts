import type { JournalRecord, JournalTensor } from '../../../api/serving.ts'
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
  /** Left out of a shadow's line: they stand in the champion's. */
  readonly inputs?: TensorMap
  readonly outputs: TensorMap
  readonly probe: boolean
}

/** The line of a whole request, without the closing brace, as `LineBuffer.add` takes it. */
export function tensorLine({ id, model, version, alias, role, time, inputs, outputs, probe }: TensorLine): string {
  const record = { id, row: 0, model, version, alias, role, time, tensors: { ...(inputs ? { inputs: described(inputs) } : {}), outputs: described(outputs) }, ...(probe ? { probe } : {}) }
  return JSON.stringify(record, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)).slice(0, -1)
}

function described(tensors: TensorMap): Record<string, JournalTensor> {
  return Object.fromEntries([...tensors].map(([name, value]) => [name, describedOne(value)]))
}

function describedOne({ datatype, shape, data }: TensorValue): JournalTensor {
  return countOf(shape) > ELEMENTS_KEPT ? { datatype, shape } : { datatype, shape, data: elementsOf(data, datatype).map(asScalar) }
}

/** What JSON has no word for, as text. */
function asScalar(value: number | bigint | boolean | string): number | boolean | string {
  return typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)) ? String(value) : value
}
