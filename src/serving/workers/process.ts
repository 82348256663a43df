import { Socket } from 'node:net'
import { toMillraceError } from '../../platform/errors/index.ts'
import { type FromWorker, JOURNAL_FD, type ToWorker, type WorkerTask } from './messages.ts'
import { Worker } from './worker.ts'

// What a worker's process runs: the service tells it over the channel what to do, and when the service is gone it goes.

let worker: Worker | undefined

async function perform(task: WorkerTask): Promise<unknown> {
  if (task.kind === 'start') {
    worker = new Worker(task, new Socket({ fd: JOURNAL_FD, readable: true, writable: true }))
    return worker.start()
  }
  if (task.kind === 'stop') {
    await worker?.stop()
    process.exit(0)
  }
  return worker?.perform(task)
}

// One after the other, but for what only looks: a version that loads for long must not hide how the worker does.
let turn: Promise<unknown> = Promise.resolve()

process.on('message', (message: ToWorker) => {
  const { call, task } = message
  const answer = (reply: FromWorker): void => {
    if (process.connected) process.send?.(reply)
  }
  const looks = task.kind === 'metrics' || task.kind === 'load' || task.kind === 'stop'
  const done = looks ? perform(task) : turn.then(() => perform(task))
  if (!looks) turn = done.catch(() => undefined)
  done.then(
    (value) => answer({ call, answer: value }),
    (error: unknown) => {
      const { code, message: reason } = toMillraceError(error)
      answer({ call, error: { code, message: reason } })
    },
  )
})
process.on('disconnect', () => process.exit(1))
// Ctrl-C reaches the whole group of processes: the service, which hears it too, stops its workers when it is their turn.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => void worker?.stop().then(() => process.exit(0)))
