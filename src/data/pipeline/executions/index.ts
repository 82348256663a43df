import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createTransport } from '../../../../sdk/http.ts'
import { trackingClient } from '../../../../sdk/tracking.ts'
import type { ProjectConfig } from '../../../domain/config.ts'
import { errorMessage } from '../../../platform/errors/index.ts'
import type { Logger } from '../../../platform/log/index.ts'
import type { ServiceDefinition } from '../../../platform/service/index.ts'
import { closeWorktree, openProject } from '../../versioning/index.ts'
import { openProjectOutbox } from '../project-outbox.ts'
import { executionEvents } from './events.ts'
import { createExecutor } from './execute.ts'
import { registerExecutionRoutes } from './routes.ts'
import { Executions } from './service.ts'
import { type ExecutionsSchema, ExecutionStore, executionMigrations } from './store.ts'
import { ExecutionWorker } from './worker.ts'

const RETRY_MS = 30_000

/** Executions of the project's pipeline, one at a time, and the project's own events. */
export const pipelinesService: ServiceDefinition<ExecutionsSchema, ProjectConfig> = {
  name: 'pipelines',
  migrations: executionMigrations,
  start: async ({ projectFolder, folder, config, db, outbox, log, http, url, onStop }) => {
    const store = new ExecutionStore(db)
    const worktreeFolder = join(folder, 'worktrees')
    const logFolder = join(folder, 'logs')
    const projectOutbox = await openProjectOutbox(projectFolder, config)
    onStop(() => projectOutbox.close())
    const executor = createExecutor({
      projectFolder,
      worktreeFolder,
      logFolder,
      store,
      log,
      tracking: trackingClient(createTransport(url('tracking'), { retryForMs: RETRY_MS })),
      aliasOf: (model) => config.deployments.find((one) => one.model === model)?.alias ?? 'champion',
      // Stages run in a worktree, which has a millrace.yaml too: their commands must find the services and the state of this project, not found one of their own.
      environment: { MILLRACE_STORAGE_FOLDER: resolve(projectFolder, config.storage.folder), MLFLOW_TRACKING_URI: url('tracking') },
    })
    const worker = new ExecutionWorker({ store, events: executionEvents(outbox), log, ...executor })
    onStop(() => worker.stop())
    const executions = new Executions({ projectFolder, logFolder, store, queued: () => worker.wake() })
    registerExecutionRoutes(http, executions, projectOutbox)
    // Not before the port is ours: a second process on the same project must fail, not take over the first one's work.
    http.addHook('onListen', async () => {
      if (!db.capabilities.sharedByProcesses) await store.endLeases()
      await removeLeftovers(projectFolder, worktreeFolder, store, log)
      worker.start()
    })
    return { waitingFor: () => executions.waitingFor() }
  },
}

/** Worktrees of executions that ended, whose process died before it could remove them. */
async function removeLeftovers(projectFolder: string, worktreeFolder: string, store: ExecutionStore, log: Logger): Promise<void> {
  if (!existsSync(worktreeFolder)) return
  const needed = new Set((await store.unfinished()).map(({ execution_id: id }) => id))
  for (const name of readdirSync(worktreeFolder).filter((id) => !needed.has(id))) {
    await closeWorktree(openProject(projectFolder), join(worktreeFolder, name)).catch((error: unknown) =>
      log.warn({ worktree: name, reason: errorMessage(error) }, 'a worktree of an ended execution could not be removed'),
    )
  }
}
