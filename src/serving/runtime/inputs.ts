import { type FeatureBuilder, compileFeatures } from '../../domain/feature-builder.ts'
import { fullFeatureName, signatureInputs } from '../../domain/feature-spec.ts'
import type { ColumnSpec } from '../../domain/signature.ts'
import { MillraceError } from '../../platform/errors/index.ts'
import type { ModelArtifact } from './artifact.ts'
import type { InputTensor } from './tensors.ts'

/** What stands between a raw row and the model's tensors. */
export interface ModelInputs {
  /** Raw columns, in the signature's order. */
  readonly columns: readonly ColumnSpec[]
  /** What the model can use of a row, by name: its raw columns, and the features of the store that a row may bring itself. */
  readonly known: readonly string[]
  readonly builder: FeatureBuilder
  /** Features of the store (`view:feature`), and the column that holds their key; empty where the model needs none. */
  readonly online: readonly string[]
  readonly joinKey: string | null
  /** The columns and features of the store that an input of the builder is made of, by the input's name. */
  readonly sources: ReadonlyMap<string, readonly string[]>
  /** The columns that each ONNX input holds, by its name; empty where features are made of them. */
  readonly held: ReadonlyMap<string, readonly string[]>
  /** For each ONNX input, the first of its columns in the builder's numeric or categorical row. */
  readonly offsets: readonly number[]
}

/** Matches what the artifact says about rows with the inputs that the ONNX file has. MODEL_INVALID says what does not fit. */
export function bindInputs(artifact: ModelArtifact, tensors: readonly InputTensor[]): ModelInputs {
  const { features } = artifact
  if (features === null) return bindPlain(artifact, tensors)
  const builder = compileFeatures(features)
  const offsets = tensors.map((tensor) => {
    const count = tensor.name === 'numeric' ? builder.numeric.length : tensor.name === 'categorical' ? builder.categorical.length : undefined
    if (count === undefined) throw new MillraceError('MODEL_INVALID', `features.json says nothing of the ONNX input ${tensor.name}; expected numeric and categorical`)
    if (count !== tensor.width) {
      throw new MillraceError('MODEL_INVALID', `the ONNX input ${tensor.name} has ${tensor.width} columns, features.json makes ${count}`)
    }
    return 0
  })
  const columns = artifact.signature?.inputs ?? signatureInputs(features)
  return {
    columns,
    known: [...columns.map((column) => column.name), ...features.online.map(fullFeatureName)],
    builder,
    sources: new Map([...features.numeric, ...features.categorical].map((input) => [input.name, input.of])),
    held: new Map(),
    online: features.online,
    joinKey: features.online.length > 0 ? features.entity.joinKey : null,
    offsets,
  }
}

/** An ONNX model as others export it: each input is a column, or K of them side by side, named by the signature where that has as many. */
function bindPlain(artifact: ModelArtifact, tensors: readonly InputTensor[]): ModelInputs {
  const columns = plainColumns(artifact, tensors)
  const numeric: string[] = []
  const categorical: string[] = []
  const held = new Map<string, readonly string[]>()
  let next = 0
  const offsets = tensors.map((tensor) => {
    const target = tensor.type === 'string' ? categorical : numeric
    const offset = target.length
    const names = columns.slice(next, next + tensor.width).map((column) => column.name)
    next += tensor.width
    held.set(tensor.name, names)
    target.push(...names)
    return offset
  })
  return { columns, known: columns.map((column) => column.name), builder: plainBuilder(numeric, categorical), sources: new Map(), held, online: [], joinKey: null, offsets }
}

function plainColumns({ signature }: ModelArtifact, tensors: readonly InputTensor[]): readonly ColumnSpec[] {
  const derived = tensors.flatMap((tensor) =>
    Array.from({ length: tensor.width }, (_, i): ColumnSpec => ({
      name: tensor.width === 1 ? tensor.name : `${tensor.name}_${i}`,
      type: columnType(tensor),
      required: true,
    })),
  )
  if (signature === null) return derived
  const byName = new Map(signature.inputs.map((column) => [column.name, column]))
  if (derived.every((column) => byName.has(column.name))) return derived.map((column) => byName.get(column.name) ?? column)
  if (tensors.length === 1 && signature.inputs.length === derived.length) return signature.inputs
  throw new MillraceError(
    'MODEL_INVALID',
    `the signature's columns (${signature.inputs.map((column) => column.name).join(', ')}) are not the ONNX inputs (${derived.map((column) => column.name).join(', ')})`,
  )
}

function columnType({ type }: InputTensor): ColumnSpec['type'] {
  if (type === 'string') return 'string'
  if (type === 'bool') return 'boolean'
  return type === 'float32' || type === 'float64' ? 'double' : 'long'
}

function plainBuilder(numeric: readonly string[], categorical: readonly string[]): FeatureBuilder {
  return {
    numeric,
    categorical,
    needsLookup: () => false,
    momentOf: () => Number.NaN,
    build(row, _online, numbers, at, strings, stringsAt) {
      for (let i = 0; i < numeric.length; i++) {
        const value = row[numeric[i]!]
        numbers[at + i] = typeof value === 'number' ? value : typeof value === 'boolean' ? Number(value) : Number.NaN
      }
      for (let i = 0; i < categorical.length; i++) {
        const value = row[categorical[i]!]
        strings[stringsAt + i] = typeof value === 'string' ? value : ''
      }
      return []
    },
    buildColumns: () => {
      throw new MillraceError('FEATURES_INVALID', 'a model without features.json has no feature engineering to run on tables')
    },
  }
}
