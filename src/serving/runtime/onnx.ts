import type * as ort from 'onnxruntime-node'
import { importOnnxRuntime } from '../../platform/onnxruntime.ts'

type OnnxRuntime = typeof ort

let loaded: Promise<OnnxRuntime> | undefined
let present: OnnxRuntime | undefined

/** ONNX Runtime, imported once. */
export function onnxRuntime(): Promise<OnnxRuntime> {
  return (loaded ??= load())
}

/** The same without waiting; undefined before it is imported. */
export function onnxRuntimeNow(): OnnxRuntime | undefined {
  return present
}

/**
 * The native part of onnxruntime-node 1.30 reads half floats as Uint16Array only, while its JavaScript takes Float16Array where the engine has it, looked up once,
 * when the first tensor is made: so it must not see it then.
 */
async function load(): Promise<OnnxRuntime> {
  const runtime = await importOnnxRuntime()
  const hidden = Object.getOwnPropertyDescriptor(globalThis, 'Float16Array')
  Reflect.deleteProperty(globalThis, 'Float16Array')
  try {
    void new runtime.Tensor('float32', new Float32Array(1), [1])
  } finally {
    if (hidden) Object.defineProperty(globalThis, 'Float16Array', hidden)
  }
  present = runtime
  return runtime
}
