import { type SqlBool, sql } from 'kysely'
import type { Database } from '../../../platform/db/index.ts'
import type { Blobs, DirectAccess } from '../../../platform/blobs/index.ts'
import { MillraceError } from '../../../platform/errors/index.ts'
import type { TrackingSchema } from '../../tables.ts'

/**
 * Keeps the files of registered versions as they were registered: a location that has a row in `model_manifests` takes no put and no delete.
 *
 * `whileStill` lets nobody else change a location while its files are read and the row is written: a put that is under way then ends by being refused, since it
 * asks again after its last byte. That holds within this process. Another process on the same store asks at the beginning and at the end of a put, so what it
 * renames into place in the moments between the reading and the row goes unnoticed until the version is verified.
 */
export class Seals {
  readonly #db: Database<TrackingSchema>
  /** Locations whose files are being read. */
  readonly #held = new Map<string, Promise<void>>()
  /** Changes that have asked for the last time and are being made. */
  readonly #changing = new Map<Promise<void>, string>()

  constructor(db: Database<TrackingSchema>) {
    this.#db = db
  }

  /**
   * `blobs`, whose changes throw ARTIFACT_SEALED for what belongs to a registered version. What is written to an address that was signed before the version was
   * registered, and while it has not expired, goes unnoticed until the version is verified.
   */
  guard(blobs: Blobs): Blobs {
    return {
      ...blobs,
      put: async (key, content) => {
        await this.refuse(key)
        if (content instanceof Uint8Array) return this.#change(key, () => blobs.put(key, content))
        const begun = Promise.withResolvers<void>()
        const body = this.#lastAsked(key, content, begun.promise)
        return blobs.put(key, body).finally(() => begun.resolve())
      },
      delete: (key) => this.#change(key, () => blobs.delete(key)),
      ...(blobs.direct === undefined ? {} : { direct: this.#guardDirect(blobs.direct) }),
    }
  }

  #guardDirect(direct: DirectAccess): DirectAccess {
    return {
      ...direct,
      signPut: async (key, seconds) => {
        await this.refuse(key)
        return direct.signPut(key, seconds)
      },
      beginParts: async (key, parts, seconds) => {
        await this.refuse(key)
        return direct.beginParts(key, parts, seconds)
      },
      completeParts: (key, uploadId, parts) => this.#change(key, () => direct.completeParts(key, uploadId, parts)),
    }
  }

  /** Throws ARTIFACT_SEALED where `key` lies within a sealed location, or holds one. For writers that do not go through `guard`, such as presigned uploads. */
  async refuse(key: string): Promise<void> {
    const above = key.split('/').map((_, i, parts) => parts.slice(0, i + 1).join('/'))
    const found = await this.#db.kysely
      .selectFrom('model_manifests')
      .select(['name', 'version', 'location', 'digest'])
      .where((e) => e.or([e('location', 'in', above), sql<SqlBool>`substr(location, 1, cast(${key.length + 1} as integer)) = ${`${key}/`}`]))
      .limit(1)
      .executeTakeFirst()
    if (found === undefined) return
    const { name, version, digest } = found
    throw new MillraceError('ARTIFACT_SEALED', `${key}: version ${version} of ${name} is registered from these files (manifest ${digest.slice(0, 12)}…), so they can neither be written nor deleted; log a new model instead`, {
      details: { model: name, version: String(version), digest },
    })
  }

  /** Does `work` while nothing changes within `location`. */
  async whileStill<T>(location: string, work: () => Promise<T>): Promise<T> {
    // Looked at and taken in one turn: nothing comes between.
    for (let held = this.#holder(location); held !== undefined; held = this.#holder(location)) await held
    const done = Promise.withResolvers<void>()
    this.#held.set(location, done.promise)
    try {
      await Promise.all([...this.#changing].filter(([, key]) => overlap(key, location)).map(([change]) => change))
      return await work()
    } finally {
      this.#held.delete(location)
      done.resolve()
    }
  }

  async #change<T>(key: string, change: () => Promise<T>): Promise<T> {
    const done = Promise.withResolvers<void>()
    await this.#begin(key, done.promise)
    try {
      await this.refuse(key)
      return await change()
    } finally {
      this.#changing.delete(done.promise)
      done.resolve()
    }
  }

  /** The content, and after its last byte the question once more: a source that throws leaves nothing behind. `ended` is when the put is done. */
  async *#lastAsked(key: string, content: AsyncIterable<Uint8Array>, ended: Promise<void>): AsyncIterable<Uint8Array> {
    yield* content
    await this.#begin(key, ended)
    void ended.then(() => this.#changing.delete(ended))
    await this.refuse(key)
  }

  /** Waits until nobody reads there, and from that turn on counts as a change. */
  async #begin(key: string, ended: Promise<void>): Promise<void> {
    for (let held = this.#holder(key); held !== undefined; held = this.#holder(key)) await held
    this.#changing.set(ended, key)
  }

  /** Ends when those who read there are done; undefined where nobody does. */
  #holder(key: string): Promise<void> | undefined {
    return [...this.#held].find(([location]) => overlap(location, key))?.[1]
  }
}

function overlap(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`)
}
