import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { MillraceError, errorMessage } from '../../../platform/errors/index.ts'
import { onnxRuntime } from '../onnx.ts'
import { openSession } from '../tensor/session.ts'
import { type FromThread, type ThreadStart, type ToThread, fromWire, toWire } from './messages.ts'
import { tryRuns } from './trial.ts'

/** What a model's thread runs: this very file, which does nothing where it is merely imported. */
export const THREAD_ENTRY = import.meta.filename

const MARK = 'millraceModelThread'

export function threadData(start: ThreadStart): Readonly<Record<string, unknown>> {
  return { [MARK]: start }
}

async function serve({ modelFile, trial, provider }: ThreadStart, port: NonNullable<typeof parentPort>): Promise<void> {
  const send = (message: FromThread, handedOver: readonly ArrayBuffer[] = []): void => port.postMessage(message, handedOver)
  const { Tensor } = await onnxRuntime()
  const started = performance.now()
  const session = await openSession(modelFile, provider)
  const openMs = performance.now() - started
  const run = async (id: number, feeds: Parameters<typeof fromWire>[0], fetch: readonly string[]): Promise<void> => {
    try {
      const results = await session.run(fromWire(feeds, Tensor), fetch)
      const handedOver: ArrayBuffer[] = []
      send({ kind: 'results', id, results: Object.entries(results).map(([name, tensor]) => toWire(name, tensor, handedOver)) }, handedOver)
    } catch (error) {
      send({ kind: 'failed', id, reason: errorMessage(error) })
    }
  }
  port.on('message', (message: ToThread) => {
    if (message.kind === 'run') void run(message.id, message.feeds, message.fetch)
    else void session.release().then(() => port.close())
  })
  send({ kind: 'ready', inputMetadata: session.inputMetadata, outputMetadata: session.outputMetadata, openMs, trial: trial ? await tryRuns(session, Tensor) : undefined })
}

if (!isMainThread && parentPort && typeof workerData === 'object' && workerData !== null && MARK in workerData) {
  const port = parentPort
  const start = workerData[MARK] as ThreadStart
  serve(start, port).catch((error: unknown) => port.postMessage({ kind: 'refused', reason: errorMessage(error), ...(error instanceof MillraceError ? { code: error.code } : {}) } satisfies FromThread))
}
