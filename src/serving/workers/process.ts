import { Socket } from 'node:net'
import { toMillraceError } from '../../platform/errors/index.ts'
import { createLogger } from '../../platform/log/index.ts'
import { openTracing } from '../../platform/tracing/index.ts'
import { VERSION } from '../../platform/version.ts'
import { type FromWorker, JOURNAL_FD, QUOTA_FD, type ToWorker, type WorkerTask } from './messages.ts'
import { Worker } from './worker.ts'

// What a worker's process runs: the service tells it over the channel what to do, and when the service is gone it goes.

let worker: Worker | undefined

const AT_ONCE: ReadonlySet<WorkerTask['kind']> = new Set(['metrics', 'load', 'divide', 'stop'])

function pipeAt(fd: number): Socket {
  return new Socket({ fd, readable: true, writable: true })
}

async function perform(task: WorkerTask): Promise<unknown> {
  if (task.kind === 'start') {
    const tracing = await openTracing({ service: 'millrace-serving', project: task.config.project, version: VERSION, log: createLogger('serving') })
    worker = new Worker(task, pipeAt(JOURNAL_FD), pipeAt(QUOTA_FD), tracing)
    return worker.start()
  }
  if (task.kind === 'stop') {
    await worker?.stop(task.lastWordMs)
    process.exit(0)
  }
  return worker?.perform(task)
}

// One after the other, but for what takes no time: a version that loads for long must not hide how the worker does, nor keep a candidate.
let turn: Promise<unknown> = Promise.resolve()

function say(message: FromWorker): void {
  if (process.connected) process.send?.(message)
}

process.on('message', (message: ToWorker, handle: unknown) => {
  if ('connection' in message) {
    // Said before anything is read: of what was not said, nothing was.
    say({ accepted: message.connection })
    if (handle instanceof Socket) worker?.accept(handle)
    return
  }
  const { call, task } = message
  const atOnce = AT_ONCE.has(task.kind)
  const done = atOnce ? perform(task) : turn.then(() => perform(task))
  if (!atOnce) turn = done.catch(() => undefined)
  done.then(
    (value) => say({ call, answer: value }),
    (error: unknown) => {
      const { code, message: reason } = toMillraceError(error)
      say({ call, error: { code, message: reason } })
    },
  )
})
process.on('disconnect', () => process.exit(1))
// Ctrl-C reaches the whole group of processes: the service, which hears it too, stops its workers when it is their turn.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => say({ leaving: true }))
