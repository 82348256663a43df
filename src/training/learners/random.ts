/** A small, fast, seeded generator (sfc32, public domain, passes PractRand): the same seed gives the same model on every machine. */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = Math.trunc(seed / 4294967296) | 0
    this.#c = 0x9e3779b9 | 0
    for (let i = 0; i < 12; i++) this.next()
  }

  /** 32 random bits, unsigned. */
  next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + t) | 0
    return t >>> 0
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return this.next() / 4294967296
  }

  /** Uniform in 0 … bound − 1. */
  below(bound: number): number {
    return Math.floor(this.uniform() * bound)
  }

  /** Fisher–Yates, in place. */
  shuffle<T extends { readonly length: number; [index: number]: number }>(values: T): T {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      const kept = values[i]!
      values[i] = values[j]!
      values[j] = kept
    }
    return values
  }
}

/** `count` of the numbers 0 … size − 1 without repetition, ascending (selection sampling, Knuth 3.4.2 S). */
export function sampleIndices(random: Random, size: number, count: number): Int32Array {
  const chosen = new Int32Array(Math.min(count, size))
  for (let i = 0, taken = 0; taken < chosen.length; i++) {
    if ((size - i) * random.uniform() < chosen.length - taken) chosen[taken++] = i
  }
  return chosen
}
