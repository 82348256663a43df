import { Worker } from 'node:worker_threads'
import type { InferenceSession } from 'onnxruntime-node'
import { MillraceError, errorMessage } from '../../../platform/errors/index.ts'
import { forbidTelemetry } from '../../../platform/onnxruntime.ts'
import { onnxRuntime } from '../onnx.ts'
import { type FromThread, type Provider, type ThreadReady, type ToThread, type WireTensor, fromWire, toWire } from './messages.ts'
import type { ModelSession } from './port.ts'
import { THREAD_ENTRY, threadData } from './thread-entry.ts'

export interface ThreadOptions {
  /** Whether to measure runs, for `ready.trial`. */
  readonly trial?: boolean
  readonly provider?: Provider
  /** For JavaScript alone: strings, and the thread itself. Numbers and the model are outside. */
  readonly heapMiB?: number
}

const HEAP_MIB = 256

interface Running {
  readonly resolve: (results: readonly WireTensor[]) => void
  readonly reject: (error: Error) => void
}

/**
 * A model in a thread of its own, made from its file there. A run that fails is an error for its caller; a thread that ends (it ran out of heap, say) fails the
 * runs that it had, and the next one makes it again. A crash of native code takes the whole process: threads share one.
 */
export class ThreadSession implements ModelSession {
  readonly place = 'thread'
  readonly maxRows = Number.POSITIVE_INFINITY
  readonly ready: ThreadReady
  readonly #file: string
  readonly #heapMiB: number
  readonly #provider: Provider
  #thread: ModelThread
  #again: Promise<ModelThread> | undefined

  private constructor(file: string, heapMiB: number, provider: Provider, thread: ModelThread, ready: ThreadReady) {
    this.#file = file
    this.#heapMiB = heapMiB
    this.#provider = provider
    this.#thread = thread
    this.ready = ready
  }

  /** MODEL_INVALID for a file that is no model, or that ONNX Runtime cannot run. */
  static async open(file: string, { trial = false, heapMiB = HEAP_MIB, provider = 'cpu' }: ThreadOptions = {}): Promise<ThreadSession> {
    const thread = new ModelThread(file, trial, heapMiB, provider)
    return new ThreadSession(file, heapMiB, provider, thread, await thread.ready)
  }

  get inputMetadata(): readonly InferenceSession.ValueMetadata[] {
    return this.ready.inputMetadata
  }

  get outputMetadata(): readonly InferenceSession.ValueMetadata[] {
    return this.ready.outputMetadata
  }

  async run(feeds: InferenceSession.OnnxValueMapType, fetch: readonly string[]): Promise<InferenceSession.OnnxValueMapType> {
    const { Tensor } = await onnxRuntime()
    const thread = this.#thread.ended ? await this.#restart() : this.#thread
    return fromWire(await thread.run(feeds, fetch), Tensor)
  }

  async release(): Promise<void> {
    await this.#again?.catch(() => undefined)
    await this.#thread.release()
  }

  /** Once for all that wait for it. */
  #restart(): Promise<ModelThread> {
    return (this.#again ??= this.#open().finally(() => {
      this.#again = undefined
    }))
  }

  async #open(): Promise<ModelThread> {
    const thread = new ModelThread(this.#file, false, this.#heapMiB, this.#provider)
    await thread.ready
    this.#thread = thread
    return thread
  }
}

class ModelThread {
  readonly ready: Promise<ThreadReady>
  ended = false
  readonly #worker: Worker
  readonly #exited: Promise<void>
  readonly #runs = new Map<number, Running>()
  #next = 0

  constructor(file: string, trial: boolean, heapMiB: number, provider: Provider) {
    forbidTelemetry()
    this.#worker = new Worker(THREAD_ENTRY, { workerData: threadData({ modelFile: file, trial, provider }), resourceLimits: { maxOldGenerationSizeMb: heapMiB }, name: 'model' })
    let reason = 'it ended'
    this.#exited = new Promise((resolve) => {
      this.#worker.on('error', (error) => (reason = errorMessage(error)))
      this.#worker.once('exit', () => {
        this.ended = true
        this.#fail(reason)
        resolve()
      })
    })
    this.ready = new Promise((resolve, reject) => {
      void this.#exited.then(() => reject(new MillraceError('MODEL_INVALID', `the thread that loads the model failed: ${reason}`)))
      this.#worker.on('message', (message: FromThread) => {
        if (message.kind === 'ready') {
          // From here on only runs under way keep the process alive.
          this.#worker.unref()
          resolve(message)
        } else if (message.kind === 'refused') {
          reject(new MillraceError(message.code ?? 'MODEL_INVALID', message.reason))
          void this.#worker.terminate()
        } else this.#settle(message)
      })
    })
  }

  run(feeds: InferenceSession.OnnxValueMapType, fetch: readonly string[]): Promise<readonly WireTensor[]> {
    return new Promise((resolve, reject) => {
      const id = this.#next++
      const handedOver: ArrayBuffer[] = []
      const wired = Object.entries(feeds).map(([name, tensor]) => toWire(name, tensor, handedOver))
      if (this.#runs.size === 0) this.#worker.ref()
      this.#runs.set(id, { resolve, reject })
      this.#post({ kind: 'run', id, feeds: wired, fetch }, handedOver)
    })
  }

  /** Resolves when the thread has gone. */
  async release(): Promise<void> {
    if (!this.ended) {
      this.#worker.ref()
      this.#post({ kind: 'release' })
    }
    await this.#exited
  }

  #post(message: ToThread, handedOver: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, handedOver)
  }

  #settle(message: Extract<FromThread, { id: number }>): void {
    const run = this.#runs.get(message.id)
    this.#runs.delete(message.id)
    if (this.#runs.size === 0) this.#worker.unref()
    if (message.kind === 'results') run?.resolve(message.results)
    else run?.reject(new Error(message.reason))
  }

  #fail(reason: string): void {
    for (const { reject } of this.#runs.values()) reject(new MillraceError('PREDICTION_FAILED', `the thread of the model ended: ${reason}`))
    this.#runs.clear()
  }
}
