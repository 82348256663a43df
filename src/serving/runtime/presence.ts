/** What has left memory is remembered so long, and of so many versions: a scrape, or a version that comes back, finds what was counted. */
export const REMEMBERED_MS = 15 * 60_000
export const REMEMBERED = 50

export interface PresenceOptions {
  readonly rememberedMs?: number
  readonly remembered?: number
  /** Milliseconds. */
  readonly now?: () => number
}

/** Which versions are in memory, and which were until lately: of these, and of no others, something is counted and told. */
export class Presence {
  readonly #options: Required<PresenceOptions>
  readonly #loaded = new Set<string>()
  /** When each left, oldest first. */
  readonly #left = new Map<string, number>()
  readonly #listeners: ((model: string, version: string) => void)[] = []

  constructor({ rememberedMs = REMEMBERED_MS, remembered = REMEMBERED, now = () => performance.now() }: PresenceOptions = {}) {
    this.#options = { rememberedMs, remembered, now }
  }

  /** Told of each version of which nothing is to be kept any more. */
  onForget(listener: (model: string, version: string) => void): void {
    this.#listeners.push(listener)
  }

  loaded(model: string, version: string): void {
    const key = keyOf(model, version)
    this.#left.delete(key)
    this.#loaded.add(key)
  }

  left(model: string, version: string): void {
    const key = keyOf(model, version)
    if (this.#loaded.delete(key)) this.#left.set(key, this.#options.now())
    this.sweep()
  }

  /** Something is counted of it for the first time: also of one that has left, for a request that had chosen it before. */
  counted(model: string, version: string): void {
    const key = keyOf(model, version)
    if (!this.#loaded.has(key) && !this.#left.has(key)) this.#left.set(key, this.#options.now())
    this.sweep()
  }

  knows(model: string, version: string): boolean {
    const key = keyOf(model, version)
    return this.#loaded.has(key) || this.#left.has(key)
  }

  /** Forgets those that left too long ago, or too many others ago. */
  sweep(): void {
    const { rememberedMs, remembered, now } = this.#options
    const oldest = now() - rememberedMs
    for (const [key, at] of this.#left) {
      if (at >= oldest && this.#left.size <= remembered) return
      this.#left.delete(key)
      const [model = '', version = ''] = key.split('\n')
      for (const listener of this.#listeners) listener(model, version)
    }
  }
}

function keyOf(model: string, version: string): string {
  return `${model}\n${version}`
}
