import type { Blobs } from '../platform/blobs/index.ts'
import type { Clock } from '../platform/clock/index.ts'
import type { Database } from '../platform/db/index.ts'
import type { Outbox } from '../platform/events/outbox.ts'
import type { TrackingSchema } from './tables.ts'
import type { Seals } from './tracking/artifacts/seals.ts'

/** What the features of the tracking service work with. */
export interface TrainingContext {
  readonly db: Database<TrackingSchema>
  readonly outbox: Outbox
  readonly clock: Clock
  /** Refuses to change what `seals` keeps. */
  readonly blobs: Blobs
  readonly seals: Seals
  /** Where new experiments keep their artifacts, each in a folder of its own: `mlflow-artifacts:` (with the server) or an object store. */
  readonly artifactRoot: string
}
