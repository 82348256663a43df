import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MillraceError, errnoCode } from '../../platform/errors/index.ts'
import { type TextMessage, type TextValue, parsePbtxt } from './pbtxt.ts'

/** What Millrace heeds of a model's `config.pbtxt` (triton-inference-server/common: protobuf/model_config.proto). */
export interface TritonConfig {
  /** The model's file inside a version's folder. */
  readonly file: string
  /** Rows that requests may be put together to; 0: a request is run as it came. undefined where the file says nothing: then the model's own shapes decide. */
  readonly maxBatchSize: number | undefined
  /** Which versions may be served; of those it names the newest is. undefined: the newest of all. */
  readonly versions: readonly string[] | undefined
}

const DEFAULT: TritonConfig = { file: 'model.onnx', maxBatchSize: undefined, versions: undefined }
const RUNTIMES = ['onnxruntime_onnx', 'onnxruntime']

/** The configuration of the model in `folder`, or what Triton takes for granted where there is none. MODEL_INVALID names the line. */
export function readTritonConfig(folder: string): TritonConfig {
  const where = 'config.pbtxt'
  let text: string
  try {
    text = readFileSync(join(folder, where), 'utf8')
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return DEFAULT
    throw error
  }
  const config = parsePbtxt(text, where)
  const runtime = textOf(config, 'platform') ?? textOf(config, 'backend')
  if (runtime !== undefined && !RUNTIMES.includes(runtime)) throw new MillraceError('MODEL_INVALID', `${where}: found ${runtime}, and only ONNX models are served (${RUNTIMES.join(', ')})`)
  for (const unsupported of ['ensemble_scheduling', 'sequence_batching'] as const) {
    if (config.has(unsupported)) throw new MillraceError('MODEL_INVALID', `${where}: ${unsupported} is not supported`)
  }
  const size = config.get('max_batch_size')?.at(-1)
  if (size !== undefined && !(typeof size === 'number' && Number.isSafeInteger(size) && size >= 0)) throw new MillraceError('MODEL_INVALID', `${where}: max_batch_size is ${String(size)}, expected a whole number`)
  return { file: textOf(config, 'default_model_filename') ?? DEFAULT.file, maxBatchSize: size, versions: versionsOf(config) }
}

function versionsOf(config: TextMessage): readonly string[] | undefined {
  const policy = config.get('version_policy')?.at(-1)
  if (!isMessage(policy)) return undefined
  const specific = policy.get('specific')?.at(-1)
  return isMessage(specific) ? (specific.get('versions') ?? []).map(String) : undefined
}

function textOf(message: TextMessage, name: string): string | undefined {
  const value = message.get(name)?.at(-1)
  return typeof value === 'string' && value !== '' ? value : undefined
}

function isMessage(value: TextValue | undefined): value is TextMessage {
  return typeof value === 'object'
}
