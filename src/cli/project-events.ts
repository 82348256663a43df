import type { EventData, EventType } from '../api/events.ts'
import { MillraceError } from '../platform/errors/index.ts'
import { type Project, loadProject } from './project.ts'

/** Tells the project that holds the present folder what a command has done. Outside of any project nobody keeps events, and nothing happens. */
export async function emitProjectEvent<T extends EventType>(type: T, subject: string, data: EventData[T]): Promise<void> {
  const project = findProject()
  if (project === undefined) return
  const { openProjectOutbox } = await import('../data/pipeline/project-outbox.ts')
  const outbox = await openProjectOutbox(project.folder, project.config)
  try {
    await outbox.emit(type, subject, data)
  } finally {
    await outbox.close()
  }
}

function findProject(): Project | undefined {
  try {
    return loadProject()
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'NOT_FOUND') return undefined
    throw error
  }
}
