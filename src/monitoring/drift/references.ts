import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import { writeFileDurable } from '../../platform/fs/index.ts'
import type { DuckDB } from '../duckdb.ts'
import type { Registry } from '../retraining/registry.ts'
import { type Reference, readReference } from './reference.ts'

/** Versions whose training sample is kept in memory: the champion and the one that it replaced. */
const KEPT = 2

/** Training samples by version, fetched once from tracking into `folder` and read from there. A version never changes, so neither does its sample. */
export class References {
  readonly #registry: Registry
  readonly #duckdb: DuckDB
  readonly #folder: string
  readonly #kept = new LRUCache<string, Reference>({ max: KEPT })

  constructor(registry: Registry, duckdb: DuckDB, folder: string) {
    this.#registry = registry
    this.#duckdb = duckdb
    this.#folder = folder
  }

  /** null for a version that was registered without a training sample. */
  async of(model: string, version: string): Promise<Reference | null> {
    const file = join(this.#folder, encodeURIComponent(model), `${encodeURIComponent(version)}.parquet`)
    const kept = this.#kept.get(file)
    if (kept) return kept
    if (!existsSync(file)) {
      const bytes = await this.#registry.modelFile(model, version, 'reference.parquet')
      if (!bytes) return null
      writeFileDurable(file, bytes)
    }
    const reference = await readReference(this.#duckdb, file)
    this.#kept.set(file, reference)
    return reference
  }
}
