import { statSync } from 'node:fs'
import { onnxRuntime } from '../onnx.ts'
import { openSession } from '../tensor/session.ts'
import type { Provider } from './messages.ts'
import { LoopSession } from './loop.ts'
import type { ModelSession, RunPlace } from './port.ts'
import { ThreadSession } from './thread.ts'
import { type Trial, tryRuns } from './trial.ts'

/** A file so large is opened in a thread first: making a session of it may hold the loop for long. */
const LARGE_BYTES = 2 * 1024 * 1024
/** What making the session may hold the event loop once, milliseconds. */
const OPEN_LIMIT_MS = 20

/**
 * Opens the model where its runs hold nobody up: in the loop where they take RUN_LIMIT_MS at most, since handing them over costs 25 µs each, else in a thread of
 * its own. A model whose inputs nobody can make up (its shapes say too little) goes into a thread. MODEL_INVALID for a file that is no model, PROVIDER_MISSING where it cannot run on `provider` here.
 */
export async function openModelSession(file: string, run: RunPlace = 'auto', provider: Provider = 'cpu'): Promise<ModelSession> {
  if (run === 'loop') return new LoopSession(await openSession(file, provider), Number.POSITIVE_INFINITY)
  if (run === 'thread') return ThreadSession.open(file, { provider })
  const elsewhere = () => ThreadSession.open(file, { provider })
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LARGE_BYTES) {
    const thread = await ThreadSession.open(file, { trial: true, provider })
    const { openMs, trial } = thread.ready
    if (trial === undefined || !fitsLoop(trial) || openMs > OPEN_LIMIT_MS) return thread
    const session = await openSession(file, provider)
    await thread.release()
    return new LoopSession(session, trial.rowsInLimit, elsewhere)
  }
  const session = await openSession(file, provider)
  const trial = await tryRuns(session, (await onnxRuntime()).Tensor)
  if (fitsLoop(trial)) return new LoopSession(session, trial.rowsInLimit, elsewhere)
  await session.release()
  return elsewhere()
}

function fitsLoop({ rowsInLimit }: Trial): boolean {
  return rowsInLimit > 0
}
