import type * as ort from 'onnxruntime-node'

/**
 * From 1.29 on, ONNX Runtime's own binaries send to Microsoft, unless this variable is set when they start, names, hashes and sizes of the models that they load and a
 * number by which they know the machine, which they keep in its home folder (microsoft/onnxruntime, docs/Privacy.md and pull request 27379).
 */
export const WITHOUT_TELEMETRY = { ORT_DISABLE_TELEMETRY: '1' } as const

/** For this process, its threads and those it starts. A thread cannot do so itself: what it sets, native code does not see. */
export function forbidTelemetry(): void {
  Object.assign(process.env, WITHOUT_TELEMETRY)
}

/** ONNX Runtime, which takes 60 MB: import it when the first model is loaded. */
export function importOnnxRuntime(): Promise<typeof ort> {
  forbidTelemetry()
  return import('onnxruntime-node')
}
