import { MillraceError } from '../../../platform/errors/index.ts'
import { type FixedType, type TensorData, fixedType } from './datatypes.ts'

/** Elements given as JSON, or in another datatype, in the one that the model takes. INPUT_INVALID for a value that it cannot hold. */
export function convert(values: readonly unknown[], datatype: string, where: string): TensorData {
  const refuse = (value: unknown): MillraceError => {
    const shown = typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? typeof value)
    return new MillraceError('INPUT_INVALID', `${where}: found ${shown}, expected ${datatype}`)
  }
  const type = fixedType(datatype)
  if (!type) {
    return values.map((value) => {
      if (typeof value === 'string') return value
      throw refuse(value)
    })
  }
  const data = type.make(values.length)
  if (data instanceof Float32Array) return floats(values, data, refuse)
  const target = datatype === 'FP16' ? new Float16Array(data.buffer) : data
  const read = READERS[type.kind]
  for (let i = 0; i < values.length; i++) {
    const value = read(values[i], type)
    if (value === undefined) throw refuse(values[i])
    if (target instanceof BigInt64Array || target instanceof BigUint64Array) target[i] = BigInt(value)
    else target[i] = Number(value)
  }
  return data
}

/** The most common datatype by far, without a call for each number. */
function floats(values: readonly unknown[], data: Float32Array, refuse: (value: unknown) => MillraceError): Float32Array {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    const number = typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : undefined
    if (number === undefined) throw refuse(value)
    data[i] = number
    if (!Number.isFinite(data[i]) && Number.isFinite(number)) throw refuse(value)
  }
  return data
}

/** undefined for what does not fit. */
const READERS: Readonly<Record<FixedType['kind'], (value: unknown, type: FixedType) => number | bigint | undefined>> = {
  float: (value, { bytes }) => {
    if (typeof value !== 'number' && typeof value !== 'bigint') return undefined
    const number = Number(value)
    const held = bytes === 8 ? number : bytes === 4 ? Math.fround(number) : Math.f16round(number)
    return Number.isFinite(number) && !Number.isFinite(held) ? undefined : number
  },
  integer: (value, { range: [least, most] = [0n, 0n] }) => {
    const whole = typeof value === 'bigint' ? value : typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : undefined
    if (whole === undefined) return undefined
    return whole < least || whole > most ? undefined : whole
  },
  bool: (value) => (value === true || value === 1 ? 1 : value === false || value === 0 ? 0 : undefined),
}
