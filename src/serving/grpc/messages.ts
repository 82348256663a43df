/** The messages of open_inference.proto as the loader gives and takes them: 64-bit numbers as text, absent messages as null. */

export interface Parameter {
  /** Which of the fields is set. */
  readonly parameter_choice?: 'bool_param' | 'int64_param' | 'string_param' | 'double_param' | 'uint64_param'
  readonly bool_param?: boolean
  readonly int64_param?: string
  readonly string_param?: string
  readonly double_param?: number
  readonly uint64_param?: string
}

export type Parameters = Readonly<Record<string, Parameter>>

export interface Contents {
  readonly bool_contents: readonly boolean[]
  readonly int_contents: readonly number[]
  readonly int64_contents: readonly string[]
  readonly uint_contents: readonly number[]
  readonly uint64_contents: readonly string[]
  readonly fp32_contents: readonly number[]
  readonly fp64_contents: readonly number[]
  readonly bytes_contents: readonly Buffer[]
}

export interface InputTensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly string[]
  readonly contents: Contents | null
}

export interface InferRequest {
  readonly model_name: string
  readonly model_version: string
  readonly id: string
  readonly parameters: Parameters
  readonly inputs: readonly InputTensor[]
  readonly outputs: readonly { readonly name: string; readonly parameters: Parameters }[]
  readonly raw_input_contents: readonly Buffer[]
}

export interface OutputTensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly contents?: Partial<Contents>
}

export interface InferResponse {
  readonly model_name: string
  readonly model_version: string
  readonly id: string
  readonly outputs: readonly OutputTensor[]
  readonly raw_output_contents: readonly Uint8Array[]
}

/** The field that holds the elements of each datatype. FP16 has none: it is always raw. */
const FIELDS: Readonly<Record<string, keyof Contents>> = {
  BOOL: 'bool_contents',
  INT8: 'int_contents',
  INT16: 'int_contents',
  INT32: 'int_contents',
  INT64: 'int64_contents',
  UINT8: 'uint_contents',
  UINT16: 'uint_contents',
  UINT32: 'uint_contents',
  UINT64: 'uint64_contents',
  FP32: 'fp32_contents',
  FP64: 'fp64_contents',
  BYTES: 'bytes_contents',
}

export function fieldOf(datatype: string): keyof Contents | undefined {
  return Object.hasOwn(FIELDS, datatype) ? FIELDS[datatype] : undefined
}

export const CONTENT_FIELDS: readonly (keyof Contents)[] = [...new Set(Object.values(FIELDS))]
