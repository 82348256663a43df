import type { LoadedModel } from '../runtime/model.ts'
import type { VersionFound } from './registry.ts'
import type { RolloutRow } from './store.ts'

/** One alias of a deployment, and how far serving is with what it points at. */
export class Slot {
  readonly model: string
  readonly alias: string
  live: LoadedModel | null = null
  found: VersionFound | null = null
  /** The alias may have moved since tracking was last asked. */
  dirty = false
  running: Promise<void> | null = null
  state: 'ready' | 'loading' | 'failed' | 'absent' = 'absent'
  reason: string | null = null
  /** Nothing is behind it because somebody has unloaded the model; until it has been loaded, or could not be. `reason` says so. */
  unloaded = false
  swappedAt: number | null = null
  failedVersion: string | null = null
  /** A swap that happened and is not yet in the database. */
  unsaved: { readonly previous: string | null; readonly swapMs: number } | null = null

  constructor(model: string, alias: string) {
    this.model = model
    this.alias = alias
  }

  get name(): string {
    return `${this.model}@${this.alias}`
  }

  row(): RolloutRow {
    return {
      model: this.model,
      alias: this.alias,
      version: this.live?.version ?? null,
      identity: this.live ? (this.found?.identity ?? null) : null,
      swapped_at: this.swappedAt,
      failed_version: this.failedVersion,
      failed_reason: this.failedVersion === null ? null : this.reason,
    }
  }
}
