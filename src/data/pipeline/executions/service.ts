import { closeSync, createReadStream, existsSync, fstatSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Execution, ExecutionRequest } from '../../../api/pipelines.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import { headCommit, resolveCommit } from '../../../platform/git/repository.ts'
import { hexId } from '../../../platform/ids/index.ts'
import type { ExecutionRow, ExecutionStore } from './store.ts'

export interface ExecutionsOptions {
  readonly projectFolder: string
  readonly logFolder: string
  readonly store: ExecutionStore
  /** Called when something was added to the queue. */
  readonly queued: () => void
}

/** What can be asked of executions: start one, look at them, read their output. */
export class Executions {
  readonly #options: ExecutionsOptions

  constructor(options: ExecutionsOptions) {
    this.#options = options
  }

  /** On disk when it resolves. Throws NOT_FOUND for a commit that the project's repository does not have. */
  async submit(request: ExecutionRequest): Promise<{ readonly execution: Execution; readonly isNew: boolean }> {
    const { store, queued } = this.#options
    // Before the commit is looked for: a repetition gets its answer whatever HEAD is by now.
    const known = await store.byKey(request.key)
    if (known) return { execution: present(known), isNew: false }
    const commit = await this.#commitOf(request.commit)
    const { execution, isNew } = await store.submit(hexId(), { ...request, commit }, Date.now())
    if (isNew) queued()
    return { execution: present(execution), isNew }
  }

  async list(limit: number, model?: string): Promise<readonly Execution[]> {
    return (await this.#options.store.list(limit, model)).map(present)
  }

  /** Throws NOT_FOUND. */
  async get(id: string): Promise<Execution> {
    const row = await this.#options.store.byId(id)
    if (row) return present(row)
    throw new MillraceError('NOT_FOUND', `there is no execution ${JSON.stringify(id)}`)
  }

  /** What the execution's stages have written so far, without the first `after` bytes. Throws NOT_FOUND. */
  async log(id: string, after: number): Promise<Readable> {
    const { execution_id: known } = await this.get(id)
    const file = logFile(this.#options.logFolder, known)
    if (!existsSync(file)) return Readable.from([])
    const fd = openSync(file, 'r')
    const { size } = fstatSync(fd)
    if (after < size) return createReadStream(file, { fd, start: after, end: size - 1 })
    closeSync(fd)
    return Readable.from([])
  }

  /** Names what is queued or running. */
  async waitingFor(): Promise<readonly string[]> {
    return (await this.#options.store.unfinished()).map(({ execution_id, state }) => `execution ${execution_id} (${state})`)
  }

  async #commitOf(revision: string | undefined): Promise<string> {
    const { projectFolder } = this.#options
    if (revision !== undefined) return resolveCommit(projectFolder, revision)
    const head = await headCommit(projectFolder)
    if (head !== undefined) return head
    throw new MillraceError('NOT_FOUND', `${projectFolder} has no commit yet: an execution runs what is committed`)
  }
}

/** An id comes from our own row, never from a request. */
export function logFile(logFolder: string, executionId: string): string {
  return join(logFolder, `${executionId}.log`)
}

/** The public part of a row. */
function present(row: ExecutionRow): Execution {
  const { execution_id, key, model, reason, state, commit, result_commit, data, stages, run_id, version, unchanged, error, created_at, started_at, ended_at } = row
  return { execution_id, key, model, reason, state, commit, result_commit, data, stages, run_id, version, unchanged, error, created_at, started_at, ended_at }
}
