import type { InferenceSession } from 'onnxruntime-node'
import { MillraceError } from '../../../platform/errors/index.ts'
import { datatypeOfOnnx } from './datatypes.ts'
import type { TensorValue } from './value.ts'

/** One input or output of a model; -1 stands for a dimension that may have any size. */
export interface TensorSpec {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
}

/** MODEL_INVALID for an input that no request can fill. */
export function inputSpec(meta: InferenceSession.ValueMetadata): TensorSpec {
  const spec = outputSpec(meta)
  if (spec) return spec
  throw new MillraceError('MODEL_INVALID', `input ${meta.name} is ${meta.isTensor ? `a tensor of ${meta.type}` : 'no tensor'}, which no request can fill`)
}

/** null for an output that cannot be answered: a sequence or map (ZipMap), or an element type that the protocol does not have. */
export function outputSpec(meta: InferenceSession.ValueMetadata): TensorSpec | null {
  if (!meta.isTensor) return null
  const datatype = datatypeOfOnnx(meta.type)
  return datatype === undefined ? null : { name: meta.name, datatype, shape: meta.shape.map((size) => (typeof size === 'number' && size >= 0 ? size : -1)) }
}

/** INPUT_INVALID where the tensor is not of the shape that the model has. */
export function checkShape(spec: TensorSpec, { shape }: Pick<TensorValue, 'shape'>): void {
  const fits = shape.length === spec.shape.length && spec.shape.every((size, i) => size === -1 || size === shape[i])
  if (!fits) throw new MillraceError('INPUT_INVALID', `input ${spec.name} has shape [${shape.join(', ')}], the model takes [${spec.shape.join(', ')}]`)
}

/** A column may be written [N] for [N, 1], and the other way round. */
export function asColumn(expected: readonly number[], given: readonly number[]): readonly number[] {
  if (expected.length === 2 && expected[1] === 1 && given.length === 1) return [...given, 1]
  return expected.length === 1 && given.length === 2 && given[1] === 1 ? given.slice(0, 1) : given
}
