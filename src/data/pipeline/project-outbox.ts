import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EventData, EventType, MillraceEvent } from '../../api/events.ts'
import { type Clock, SimulatedClock, wallClock } from '../../platform/clock/index.ts'
import { type BaseConfig, databaseUrl, serviceFolder } from '../../platform/config/index.ts'
import { type Database, openDatabase } from '../../platform/db/index.ts'
import { MillraceError, errorMessage } from '../../platform/errors/index.ts'
import { type EventsSchema, Outbox, createEventsTables } from '../../platform/events/outbox.ts'

/**
 * The outbox of the project itself: what commands do outside of any service (`millrace data add`, `millrace contract check`) is told here, as the source
 * `/project`. The pipelines service hands it out at `/-/outbox/project`, but need not run: several processes may write at the same time.
 */
export interface ProjectOutbox {
  /** Resolves when the event is on disk. */
  emit<T extends EventType>(type: T, subject: string, data: EventData[T]): Promise<MillraceEvent<T>>
  /** Events with `seq` above `after`, oldest first, at most `limit`; waits up to `waitMs` for a first one. */
  readOrWait(after: number, limit: number, waitMs: number): Promise<readonly MillraceEvent[]>
  close(): Promise<void>
}

const SOURCE = 'project'
/** The writers are always other processes. A look is one indexed read. */
const LOOK_EVERY_MS = 50

export async function openProjectOutbox(projectFolder: string, config: BaseConfig): Promise<ProjectOutbox> {
  const db = await openShared(databaseUrl(config, projectFolder, 'pipelines', SOURCE), config)
  const outbox = new Outbox(db, SOURCE, projectClock(projectFolder, config), LOOK_EVERY_MS)
  return {
    emit: (type, subject, data) => db.transaction((trx) => outbox.emit(trx, type, subject, data)),
    readOrWait: (after, limit, waitMs) => outbox.readOrWait(after, limit, waitMs),
    close: () => db.close(),
  }
}

/** Project time as the pipelines service last knew it; a command has no clock of its own. */
function projectClock(projectFolder: string, config: BaseConfig): Clock {
  if (config.clock === 'wall') return wallClock
  return new SimulatedClock(new Date(config.clock.simulated), join(serviceFolder(config, projectFolder, 'pipelines'), 'project-time'))
}

const ATTEMPTS = 20

/** Two commands that make the file at the same moment race for its tables: SQLite's migrations take no lock. The loser finds them made. */
async function openShared(url: string, config: BaseConfig): Promise<Database<EventsSchema>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await openDatabase<EventsSchema>({ url, schema: SOURCE, migrations: [{ name: '001-events', up: createEventsTables }], durability: config.durability })
    } catch (error) {
      const racing = error instanceof MillraceError ? error.code === 'MIGRATION_FAILED' : /already exists|locked|UNIQUE constraint/i.test(errorMessage(error))
      if (!racing || attempt >= ATTEMPTS) throw error
      await sleep(10 * attempt)
    }
  }
}
