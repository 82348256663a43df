import type { ColumnSpec } from '../../../domain/signature.ts'
import type { Place } from '../../runtime/session/port.ts'
import type { TensorSpec } from '../../runtime/tensor/spec.ts'
import type { ModelShape } from '../protocol.ts'

export const COLUMN_DATATYPES: Readonly<Record<ColumnSpec['type'], string>> = { string: 'BYTES', datetime: 'BYTES', long: 'INT64', double: 'FP64', boolean: 'BOOL' }

export interface ModelMetadata {
  readonly name: string
  readonly versions: readonly string[]
  /** `project_format`, as the protocol names them. */
  readonly platform: 'onnx_onnxv1' | 'mlflow_pyfunc'
  readonly inputs: readonly (TensorSpec & { readonly parameters?: { readonly required: boolean } })[]
  readonly outputs: readonly TensorSpec[]
}

/** Model metadata as the protocol gives it: the model's own tensors, or the columns that it is asked by. */
export function describeModel(name: string, versions: readonly string[], { tensors, rows, place }: ModelShape & { readonly place: Place }): ModelMetadata {
  const inputs = tensors?.inputs ?? rows?.columns.map((column) => ({ name: column.name, datatype: COLUMN_DATATYPES[column.type], shape: [-1], parameters: { required: column.required } }))
  const outputs = tensors?.outputs ?? rows?.answers
  return { name, versions, platform: place === 'process' ? 'mlflow_pyfunc' : 'onnx_onnxv1', inputs: inputs ?? [], outputs: outputs ?? [] }
}
