import type { InferenceSession, Tensor } from 'onnxruntime-node'
import type { ErrorCode } from '../../../platform/errors/index.ts'
import type { Trial } from './trial.ts'

/** A tensor between threads: ONNX Runtime's own class cannot be cloned. */
export interface WireTensor {
  readonly name: string
  readonly type: Tensor.Type
  readonly dims: readonly number[]
  readonly data: Tensor.DataType
}

/** What ONNX Runtime computes with. */
export type Provider = 'cpu' | 'cuda'

export interface ThreadStart {
  readonly modelFile: string
  readonly provider: Provider
  readonly trial: boolean
}

export type ToThread = { readonly kind: 'run'; readonly id: number; readonly feeds: readonly WireTensor[]; readonly fetch: readonly string[] } | { readonly kind: 'release' }

export interface ThreadReady {
  readonly kind: 'ready'
  readonly inputMetadata: readonly InferenceSession.ValueMetadata[]
  readonly outputMetadata: readonly InferenceSession.ValueMetadata[]
  /** How long the session took to make. */
  readonly openMs: number
  readonly trial: Trial | undefined
}

export type FromThread =
  | ThreadReady
  | { readonly kind: 'refused'; readonly reason: string; readonly code?: ErrorCode }
  | { readonly kind: 'results'; readonly id: number; readonly results: readonly WireTensor[] }
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string }

/** Numbers are copied once and handed over, so that the sender may use its memory again; `handedOver` collects the copies. */
export function toWire(name: string, { type, dims, data }: Tensor, handedOver: ArrayBuffer[]): WireTensor {
  if (Array.isArray(data)) return { name, type, dims, data }
  const copy = data.slice()
  if (copy.buffer instanceof ArrayBuffer) handedOver.push(copy.buffer)
  return { name, type, dims, data: copy }
}

export function fromWire(tensors: readonly WireTensor[], make: new (type: Tensor.Type, data: Tensor.DataType, dims: readonly number[]) => Tensor): Record<string, Tensor> {
  return Object.fromEntries(tensors.map(({ name, type, dims, data }) => [name, new make(type, data, dims)]))
}
