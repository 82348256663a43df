/** Bytes that all connections of a door hold together. */
export class HeldBytes {
  readonly #most: number
  #held = 0

  constructor(most: number) {
    this.#most = most
  }

  get full(): boolean {
    return this.#held > this.#most
  }

  add(bytes: number): void {
    this.#held += bytes
  }
}

/** What one connection has received and not used yet. */
export class Waiting {
  readonly #held: HeldBytes
  #chunks: Buffer[] = []
  #size = 0

  constructor(held: HeldBytes) {
    this.#held = held
  }

  get size(): number {
    return this.#size
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    this.#held.add(chunk.length)
  }

  /** All of it in one piece; afterwards nothing waits. */
  take(): Buffer {
    const [only] = this.#chunks
    const bytes = only !== undefined && this.#chunks.length === 1 ? only : Buffer.concat(this.#chunks)
    this.#held.add(-this.#size)
    this.#chunks = []
    this.#size = 0
    return bytes
  }
}
