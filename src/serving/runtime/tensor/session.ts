import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { MillraceError, errnoCode, errorMessage } from '../../../platform/errors/index.ts'
import { onnxRuntime, onnxRuntimeNow } from '../onnx.ts'
import { runFailure } from '../run-failure.ts'
import type { Provider } from '../session/messages.ts'
import type { ModelSession } from '../session/port.ts'
import { withoutZipMap } from '../zipmap.ts'
import { datatypeOfOnnx, fixedType } from './datatypes.ts'
import { type TensorSpec, checkShape, inputSpec, outputSpec } from './spec.ts'
import type { TensorValue } from './value.ts'

/** A model as the tensors that it takes and gives. */
export interface TensorInterface {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
}

export type TensorMap = ReadonlyMap<string, TensorValue>

/** Runs that fail are told by the error that they throw; ONNX Runtime's own line on stderr would let any caller fill the log. */
const OPTIONS = { intraOpNumThreads: 1, interOpNumThreads: 1, graphOptimizationLevel: 'all', logSeverityLevel: 4 } as const

/**
 * The ZipMap with which classifiers are exported is taken out. MODEL_INVALID for a file that is no model, or that ONNX Runtime cannot run; PROVIDER_MISSING where
 * ONNX Runtime has no such provider, or the provider no device.
 */
export async function openSession(file: string, provider: Provider = 'cpu'): Promise<InferenceSession> {
  try {
    if (statSync(file).size === 0) throw new MillraceError('MODEL_INVALID', `${file.split('/').at(-1)} is empty`)
    const { InferenceSession: Session } = await onnxRuntime()
    // Without the second a part of a model that CUDA has no kernel for could not run.
    const options = provider === 'cuda' ? { ...OPTIONS, executionProviders: ['cuda', 'cpu'] } : OPTIONS
    const session = await Session.create(file, options)
    if (session.outputMetadata.every((meta) => meta.isTensor)) return session
    const changed = withoutZipMap(await readFile(file))
    if (!changed) return session
    await session.release()
    return await Session.create(changed, options)
  } catch (error) {
    if (error instanceof MillraceError) throw error
    if (provider === 'cuda' && /cuda|execution_?provider/i.test(errorMessage(error))) throw providerMissing(error)
    const name = file.split('/').at(-1)
    const message = errnoCode(error) === 'ENOENT' ? `the version has no file ${name}, and only ONNX models are served` : `${name} is not a model that ONNX Runtime can load: ${errorMessage(error)}`
    throw new MillraceError('MODEL_INVALID', message, { cause: error })
  }
}

function providerMissing(error: unknown): MillraceError {
  return new MillraceError(
    'PROVIDER_MISSING',
    `execution_provider is cuda, and ONNX Runtime cannot use it here (${errorMessage(error).slice(0, 300)}): it needs an NVIDIA GPU, CUDA 12 and cuDNN 9, and its provider's libraries (\`ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node\`, Linux x64); or set execution_provider: cpu`,
    { cause: error },
  )
}

export function interfaceOf(session: Pick<ModelSession, 'inputMetadata' | 'outputMetadata'>): TensorInterface {
  const outputs = session.outputMetadata.map(outputSpec).filter((spec) => spec !== null)
  if (outputs.length === 0) throw new MillraceError('MODEL_INVALID', 'the model has no output that is a tensor')
  return { inputs: session.inputMetadata.map(inputSpec), outputs }
}

/** Refuses what the model does not take: INPUT_INVALID names the input. */
export function checkInputs({ inputs }: TensorInterface, given: TensorMap): void {
  for (const spec of inputs) {
    const value = given.get(spec.name)
    if (!value) throw new MillraceError('INPUT_INVALID', `input ${spec.name} is missing; the model takes ${inputs.map(({ name }) => name).join(', ')}`)
    checkShape(spec, value)
  }
}

/** Runs the model once. INPUT_INVALID or PREDICTION_FAILED with the runtime's own words; see `runFailure`. */
export async function runSession(session: Pick<ModelSession, 'run'>, given: TensorMap, fetch: readonly string[]): Promise<TensorMap> {
  const { Tensor: Made } = onnxRuntimeNow() ?? (await onnxRuntime())
  const feeds: Record<string, Tensor> = {}
  for (const [name, { datatype, shape, data }] of given) {
    const type = fixedType(datatype)
    feeds[name] = new Made(type?.onnx ?? 'string', data as Tensor.DataType, shape)
  }
  let results: InferenceSession.OnnxValueMapType
  try {
    results = await session.run(feeds, fetch)
  } catch (error) {
    const empty = [...given].find(([, { shape }]) => shape.includes(0))
    throw runFailure(error, empty?.[0])
  }
  return tensorsOf(results, fetch)
}

/** What a run gave, by name. PREDICTION_FAILED where an output is missing, or no tensor. */
export function tensorsOf(results: InferenceSession.OnnxValueMapType, fetch: readonly string[]): TensorMap {
  const tensors = new Map<string, TensorValue>()
  for (const name of fetch) tensors.set(name, valueOf(name, results[name]))
  return tensors
}

function valueOf(name: string, result: InferenceSession.OnnxValueMapType[string] | undefined): TensorValue {
  const datatype = result === undefined ? undefined : datatypeOfOnnx(result.type)
  if (result === undefined || datatype === undefined) throw new MillraceError('PREDICTION_FAILED', `the model gave no tensor ${name}`)
  return { datatype, shape: result.dims, data: result.data as TensorValue['data'] }
}
