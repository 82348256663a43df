import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { parse } from 'yaml'
import { type FeatureSpec, parseFeatureSpec } from '../../domain/feature-spec.ts'
import { type Signature, signatureFromMlflow } from '../../domain/signature.ts'
import { MillraceError, errnoCode, errorMessage } from '../../platform/errors/index.ts'
import { insideRoot } from '../../platform/fs/index.ts'

/** A model folder as MLflow lays it out, with `features.json` where Millrace made it. */
export interface ModelArtifact {
  readonly folder: string
  readonly onnxFile: string
  /** MLflow's loader of a model that is no ONNX: `mlflow.sklearn`; null for an ONNX model. */
  readonly python: string | null
  /** null where MLmodel has none, or one of tensors: then the ONNX inputs are the columns. */
  readonly signature: Signature | null
  readonly features: FeatureSpec | null
  /** A row that the model was logged with; null where there is none. */
  readonly example: Readonly<Record<string, unknown>> | null
}

const mlmodelSchema = Compile(
  Type.Object({
    flavors: Type.Optional(Type.Object({
        onnx: Type.Optional(Type.Object({ data: Type.Optional(Type.String()) })),
        python_function: Type.Optional(Type.Object({ loader_module: Type.Optional(Type.String()) })),
      })),
    signature: Type.Optional(
      Type.Union([Type.Null(), Type.Object({ inputs: Type.String(), outputs: Type.Optional(Type.Union([Type.String(), Type.Null()])) })]),
    ),
    saved_input_example_info: Type.Optional(Type.Union([Type.Null(), Type.Object({ artifact_path: Type.Optional(Type.String()) })])),
  }),
)

/** Reads a model folder; `file` is the model where no MLmodel says which. MODEL_INVALID or FEATURES_INVALID says what is wrong with which file. */
export function readArtifact(folder: string, file = 'model.onnx'): ModelArtifact {
  const mlmodel = readMlmodel(folder)
  const { onnx, python_function: python } = mlmodel.flavors ?? {}
  const features = readOptional(join(folder, 'features.json'))
  return {
    folder,
    onnxFile: insideRoot(folder, onnx?.data ?? file),
    python: python && !onnx && !existsSync(join(folder, file)) ? (python.loader_module ?? 'python_function') : null,
    signature: mlmodel.signature ? columnSignature(mlmodel.signature) : null,
    features: features === null ? null : parseFeatureSpec(features),
    example: readExample(folder, mlmodel.saved_input_example_info?.artifact_path ?? 'input_example.json'),
  }
}

function readMlmodel(folder: string) {
  const text = readOptional(join(folder, 'MLmodel'))
  if (text === null) return {}
  let parsed: unknown
  try {
    parsed = parse(text)
  } catch (error) {
    throw new MillraceError('MODEL_INVALID', `MLmodel: ${errorMessage(error)}`, { cause: error })
  }
  if (mlmodelSchema.Check(parsed)) return parsed
  const [first] = mlmodelSchema.Errors(parsed)
  throw new MillraceError('MODEL_INVALID', `MLmodel: ${first?.instancePath || '/'} ${first?.message ?? 'is malformed'}`)
}

function columnSignature(written: { readonly inputs: string; readonly outputs?: string | null }): Signature | null {
  return /"type":\s*"tensor"/.test(written.inputs) ? null : signatureFromMlflow({ inputs: written.inputs })
}

/** The first row of the input example, in any of the forms that MLflow writes. A missing or unreadable example is none: it only warms the model. */
function readExample(folder: string, name: string): Readonly<Record<string, unknown>> | null {
  const text = readOptional(insideRoot(folder, name))
  if (text === null) return null
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return null
  }
  if (Array.isArray(parsed)) return asRow(parsed[0])
  const object = asRow(parsed)
  const { columns, data } = object ?? {}
  if (Array.isArray(columns) && Array.isArray(data) && Array.isArray(data[0])) {
    const values: unknown[] = data[0]
    return Object.fromEntries(columns.map((column, i) => [String(column), values[i]]))
  }
  return object
}

function asRow(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
}

function readOptional(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return null
    throw error
  }
}
